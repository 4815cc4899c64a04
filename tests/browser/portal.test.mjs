import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { accessibility_problems, start_browser, visit } from './browser.mjs'
import { ask, people, start_portal } from './portal.mjs'

let portal
let browser
const base = (site) => `http://${site}.localhost:${portal.port}`

before(async () => {
  portal = await start_portal()
  browser = await start_browser()
}, { timeout: 180_000 })
after(async () => {
  await browser?.close()
  await portal?.stop()
})

async function sign_in(page, site) {
  await page.goto(`${base(site)}/sign-in`)
  await page.getByLabel('Email address').fill(people[site].email)
  await page.getByLabel('Password', { exact: true }).fill(people[site].password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('button', { name: `Account of ${people[site].name}` }).waitFor()
}

async function search(page, words) {
  await page.getByRole('combobox', { name: 'Search' }).fill(words)
  await page.locator('[role=option]').first().waitFor()
}

/** The viewer's frame once the document in it has loaded and is on screen. */
async function shown_frame(page, heading) {
  const frame = page.frameLocator('iframe.sheet')
  await frame.getByText(heading, { exact: true }).first().waitFor()
  return frame
}

async function page_item(page, title) {
  return page.evaluate(async (wanted) => {
    const data = await (await fetch('/api/portal/bootstrap')).json()
    return data.items.find((item) => item.title === wanted)
  }, title)
}

test('the two sites look different and greet their own members', async () => {
  const looks = {}
  for (const site of ['acme', 'globex']) {
    await visit(browser, async (page) => {
      await sign_in(page, site)
      await page.getByText(`Welcome back, ${people[site].name.split(' ')[0]}`).waitFor()
      looks[site] = await page.evaluate(() => {
        const style = getComputedStyle(document.documentElement)
        return {
          title: document.title,
          scheme: document.documentElement.dataset.scheme,
          background: getComputedStyle(document.body).backgroundColor,
          primary: style.getPropertyValue('--primary'),
          font: style.getPropertyValue('--font')
        }
      })
      assert.deepEqual(await accessibility_problems(page), [])
    })
  }
  for (const name of ['title', 'scheme', 'background', 'primary', 'font']) {
    assert.notEqual(looks.acme[name], looks.globex[name], name)
  }
})

test('a wrong password is told, the right one works, and signing out ends it', async () => {
  await visit(browser, async (page, watch) => {
    watch.allow(401)
    await page.goto(`${base('acme')}/sign-in`)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByText('Enter your email address.').waitFor()
    assert.equal(await page.evaluate(() => document.activeElement.id), 'email')
    await page.getByLabel('Email address').fill(people.acme.email)
    await page.getByLabel('Password', { exact: true }).fill('not the password')
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByRole('alert').waitFor()
    assert.deepEqual(await accessibility_problems(page), [])
    await sign_in(page, 'acme')
    await page.getByRole('button', { name: /^Account of/ }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await page.getByRole('link', { name: 'Sign in', exact: true }).waitFor()
    const data = await page.evaluate(async () => (await fetch('/api/portal/bootstrap')).json())
    assert.equal(data.user, null)
  })
})

test('a member of one site is nobody on the other', async () => {
  await visit(browser, async (page, watch) => {
    watch.allow(401)
    await page.goto(`${base('globex')}/sign-in`)
    await page.getByLabel('Email address').fill(people.acme.email)
    await page.getByLabel('Password', { exact: true }).fill(people.acme.password)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByRole('alert').waitFor()
  })
})

test('signing up makes an account and tells what is wrong by field', async () => {
  await visit(browser, async (page, watch) => {
    for (const status of [400, 409, 422]) watch.allow(status)
    await page.goto(`${base('globex')}/sign-up`)
    await page.getByLabel('Name').fill('Noor Haddad')
    await page.getByLabel('Email address').fill(`noor-${Date.now()}@globex.test`)
    await page.getByLabel('Password', { exact: true }).fill('short')
    await page.getByRole('button', { name: 'Create account' }).click()
    await page.locator('#password-error').waitFor()
    assert.equal(await page.evaluate(() => document.activeElement.id), 'password')
    await page.getByLabel('Password', { exact: true }).fill('a long and quiet evening')
    await page.getByRole('button', { name: 'Create account' }).click()
    await page.getByRole('button', { name: 'Account of Noor Haddad' }).waitFor()
  })
})

test('search follows the keys, ranks titles first and opens with Enter', async () => {
  await visit(browser, async (page) => {
    await sign_in(page, 'acme')
    await page.keyboard.press('/')
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('role')), 'combobox')
    await page.keyboard.type('create table')
    const first = page.locator('[role=option]').first()
    await first.getByText('CREATE TABLE').first().waitFor()
    assert.equal((await first.locator('.title').textContent()).trim(), 'CREATE TABLE')
    assert.ok((await first.locator('mark').count()) > 0, 'matches are marked')
    assert.ok((await page.locator('[role=option]').count()) < 60, 'only the rows in sight are in the page')
    assert.deepEqual(await accessibility_problems(page), [])
    await page.waitForURL((url) => url.searchParams.get('q') === 'create table')

    await page.keyboard.press('ArrowDown')
    await page.locator('[role=option][aria-selected=true][aria-posinset="2"]').waitFor()
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Enter')
    await shown_frame(page, 'Synopsis')
    assert.match(page.url(), /\/i\/\d+$/)
    await page.keyboard.press('Escape')
    await page.waitForURL(/\/search\?q=create%20table$/)
    assert.equal(await page.getByRole('combobox', { name: 'Search' }).inputValue(), 'create table')
  })
})

test('each letter of a search costs little, over all items', async () => {
  await visit(browser, async (page) => {
    await sign_in(page, 'acme')
    await search(page, 'i')
    // Time of the processor, not of the clock: other work on the machine must not count.
    const tools = await page.context().newCDPSession(page)
    await tools.send('Performance.enable', { timeDomain: 'threadTicks' })
    const busy = async () =>
      (await tools.send('Performance.getMetrics')).metrics.find((one) => one.name === 'TaskDuration').value * 1000
    const words = ['in', 'ind', 'inde', 'index', 'index s', 'index sc', 'index sca', 'index scan']
    const start = await busy()
    await page.evaluate(async (all) => {
      const box = document.querySelector('[role=combobox]')
      for (const one of all) {
        box.value = one
        box.dispatchEvent(new Event('input', { bubbles: true }))
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
      }
    }, words)
    const each = ((await busy()) - start) / words.length
    assert.ok(each > 0 && each < 50, `${each.toFixed(1)} ms a letter, with drawing`)
    await page.locator('[role=option]', { hasText: /index/i }).first().waitFor()
  })
})

test('an imported page opens in the viewer, and its links lead to items with addresses of their own', async () => {
  await visit(browser, async (page) => {
    await sign_in(page, 'acme')
    await search(page, 'select into')
    await page.locator('[role=option]', { hasText: 'SELECT INTO' }).first().click()
    const frame = await shown_frame(page, 'Synopsis')
    const first = page.url()
    const element = page.locator('iframe.sheet')
    assert.match(await element.getAttribute('src'), /^\/protected\/[^/]+\/sql-selectinto\.html$/)
    assert.equal(await element.getAttribute('sandbox'), 'allow-same-origin allow-popups')
    assert.match(await page.title(), /^SELECT INTO – /)
    // Its style sheet came along under the same grant.
    const sheets = await element.evaluate((one) => one.contentDocument.styleSheets[0].cssRules.length)
    assert.ok(sheets > 0)

    await frame.getByRole('link', { name: 'CREATE TABLE AS', exact: true }).first().click()
    await page.waitForURL((url) => url.href !== first && /\/i\/\d+/.test(url.pathname))
    await page.getByRole('heading', { level: 1, name: 'CREATE TABLE AS' }).waitFor()
    await page.frameLocator('iframe.sheet').getByText('define a new table from the results of a query').first().waitFor()
    assert.match(await page.title(), /^CREATE TABLE AS – /)

    await page.goBack()
    await page.waitForURL(first)
    await page.getByRole('heading', { level: 1, name: 'SELECT INTO' }).waitFor()
    await page.goForward()
    await page.getByRole('heading', { level: 1, name: 'CREATE TABLE AS' }).waitFor()
    assert.deepEqual(await accessibility_problems(page), [])
  })
})

test('when the page in the frame moves by itself, address and title follow', async () => {
  await visit(browser, async (page) => {
    await sign_in(page, 'acme')
    const item = await page_item(page, 'SELECT INTO')
    await page.goto(`${base('acme')}/i/${item.id}`)
    await shown_frame(page, 'Synopsis')
    await page.locator('iframe.sheet').evaluate((one) => {
      const inside = one.contentWindow.location
      inside.replace(new URL('sql-select.html', inside.href).href)
    })
    await page.getByRole('heading', { level: 1, name: 'SELECT', exact: true }).waitFor()
    const target = await page_item(page, 'SELECT')
    await page.waitForURL(`${base('acme')}/i/${target.id}`)
  })
})

test('a grant is worth nothing to others: another site, another user, no user', async () => {
  let address
  await visit(browser, async (page, watch) => {
    watch.allow(404)
    await sign_in(page, 'acme')
    const item = await page_item(page, 'SELECT INTO')
    await page.goto(`${base('acme')}/i/${item.id}`)
    await shown_frame(page, 'Synopsis')
    address = await page.locator('iframe.sheet').getAttribute('src')
    const own = await page.evaluate(async (url) => (await fetch(url)).status, address)
    assert.equal(own, 200)
    const cookie = (await page.context().cookies(base('acme'))).map((one) => `${one.name}=${one.value}`).join('; ')
    assert.equal((await ask(portal.port, 'acme.localhost', address, { cookie })).status, 200)
    for (const trick of ['../../../etc/passwd', '..%2f..%2fetc%2fpasswd', '%2fetc%2fpasswd', 'no-such-page.html']) {
      const url = address.replace(/[^/]+$/, trick)
      const answer = await ask(portal.port, 'acme.localhost', url, { cookie })
      assert.ok(answer.status === 404 || answer.status === 400, `${trick}: ${answer.status}`)
      assert.doesNotMatch(answer.body, /root:/)
    }

    // The other site's member, in the same browser.
    await sign_in(page, 'globex')
    const other = await page.evaluate(async (url) => {
      const answer = await fetch(url)
      return { status: answer.status, text: await answer.text() }
    }, address)
    assert.equal(other.status, 404)
    assert.doesNotMatch(other.text, /SELECT INTO/)
    const items = await page.evaluate(async () => (await (await fetch('/api/portal/bootstrap')).json()).items)
    assert.ok(!items.some((one) => one.title === 'SELECT INTO'), 'the other site does not list it')
    await page.goto(`${base('globex')}/i/${item.id}`)
    await page.getByRole('heading', { level: 1 }).waitFor()
    assert.equal(await page.locator('iframe').count(), 0)
  })
  assert.equal((await ask(portal.port, 'acme.localhost', address)).status, 404)
  assert.equal((await ask(portal.port, 'globex.localhost', address)).status, 404)
})

test('a locked card leads to signing in and back to what was wanted', async () => {
  await visit(browser, async (page) => {
    await page.goto(base('acme'))
    await page.getByRole('combobox', { name: 'Search' }).fill('select into')
    const hit = page.locator('[role=option]').first()
    await hit.click()
    await page.waitForURL(/\/sign-in\?return=/)
    await page.getByText('to open').waitFor()
    await page.getByLabel('Email address').fill(people.acme.email)
    await page.getByLabel('Password', { exact: true }).fill(people.acme.password)
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/i\/\d+$/)
    await shown_frame(page, 'Synopsis')
  })
})

test('deep links and the back button work, with the scroll position', async () => {
  await visit(browser, async (page) => {
    await sign_in(page, 'acme')
    const slug = await page.evaluate(async () => {
      const data = await (await fetch('/api/portal/bootstrap')).json()
      return data.collections.sort((a, b) => b.items - a.items)[0].slug
    })
    await page.goto(`${base('acme')}/c/${slug}`)
    await page.getByRole('heading', { level: 1 }).waitFor()
    assert.equal(await page.getByRole('treeitem', { selected: true }).count(), 1)
    assert.deepEqual(await accessibility_problems(page), [])
    // Far enough that the first batch of cards does not reach it.
    await page.waitForFunction(() => {
      scrollTo(0, scrollY + 600)
      return scrollY > 6000
    })
    const top = await page.evaluate(() => scrollY)
    const card = page.locator('a.card[data-item]').nth(90)
    await card.evaluate((one) => one.click())
    await page.locator('iframe.sheet').waitFor()
    await page.goBack()
    await page.waitForURL(new RegExp(`/c/${slug}$`))
    await page.waitForFunction((before) => Math.abs(scrollY - before) < 60, top)

    await page.goto(`${base('acme')}/search?q=vacuum`)
    await page.locator('[role=option]', { hasText: 'VACUUM' }).first().waitFor()
    await page.goto(`${base('acme')}/i/999999999`)
    await page.getByRole('heading', { name: 'Nothing here' }).waitFor()
    await page.goto(`${base('acme')}/c/no-such-collection`)
    await page.getByRole('heading', { name: 'Nothing here' }).waitFor()
  })
})

test('everything can be reached with the keyboard alone', async () => {
  await visit(browser, async (page) => {
    await sign_in(page, 'acme')
    const focused = () =>
      page.evaluate(() => {
        const one = document.activeElement
        return { role: one.getAttribute('role'), text: one.textContent.trim(), tag: one.tagName }
      })
    await page.reload()
    await page.getByRole('heading', { level: 1 }).waitFor()
    await page.locator('[role=treeitem][tabindex="0"]').focus()
    await page.keyboard.press('ArrowRight')
    assert.equal(await page.locator('[role=treeitem][tabindex="0"]').getAttribute('aria-expanded'), 'true')
    await page.keyboard.press('ArrowDown')
    const child = await focused()
    assert.equal(child.role, 'treeitem')
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/c\//)
    await page.waitForFunction(() => document.activeElement?.tagName === 'H1')

    await page.locator('a.card[data-item]').first().focus()
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle)
    assert.notEqual(outline, 'none', 'the focus can be seen')
    const here = page.url()
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/i\//)
    await page.locator('.stage iframe').waitFor()
    const item = page.url()
    await page.waitForFunction(() => document.activeElement?.tagName === 'H1')
    await page.keyboard.press(']')
    await page.waitForURL((url) => url.href !== item)
    await page.keyboard.press('[')
    await page.waitForURL(item)
    await page.keyboard.press('Escape')
    await page.waitForURL(here)

    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor({ state: 'hidden' })
  })
})

test('Escape leaves the viewer from inside the page, too', async () => {
  await visit(browser, async (page) => {
    await sign_in(page, 'acme')
    await search(page, 'select into')
    await page.keyboard.press('Enter')
    const frame = await shown_frame(page, 'Synopsis')
    await frame.locator('h2').first().click()
    await page.keyboard.press('Escape')
    await page.waitForURL(/\/search/)
  })
})

test('pictures, sound, PDF, Markdown and text have players of their own', async () => {
  await visit(browser, async (page) => {
    await sign_in(page, 'globex')
    const items = await page.evaluate(async () => (await (await fetch('/api/portal/bootstrap')).json()).items)
    const open = async (kind) => {
      const item = items.find((one) => one.kind === kind)
      assert.ok(item, `the sample has an item of kind ${kind}`)
      await page.goto(`${base('globex')}/i/${item.id}`)
      return item
    }
    await open('image')
    await page.waitForFunction(() => document.querySelector('.picture img')?.naturalWidth > 0)
    await open('audio')
    await page.waitForFunction(() => document.querySelector('audio')?.duration > 1)
    await open('video')
    await page.waitForFunction(() => document.querySelector('video')?.duration > 1)
    await open('pdf')
    assert.equal(await page.locator('iframe.sheet').getAttribute('sandbox'), null)
    await page.locator('.veil').waitFor({ state: 'detached' })
    const markdown = await open('markdown')
    await page.frameLocator('iframe.sheet').getByRole('heading', { name: markdown.title }).waitFor()
    await page.locator('.veil').waitFor({ state: 'detached' })
    const colours = await page.locator('iframe.sheet').evaluate((one) => ({
      page: one.contentWindow.getComputedStyle(one.contentDocument.body).color,
      portal: getComputedStyle(document.body).color
    }))
    assert.equal(colours.page, colours.portal, 'Markdown wears the look of the site')
    await open('text')
    await page.frameLocator('iframe.sheet').getByText('reading list').first().waitFor()
  })
})

test('a page of the sample shows its own style and pictures', async () => {
  await visit(browser, async (page) => {
    await sign_in(page, 'globex')
    const item = await page_item(page, 'What a sound is')
    await page.goto(`${base('globex')}/i/${item.id}`)
    await shown_frame(page, 'What a sound is')
    await page.waitForFunction(() => {
      const inside = document.querySelector('iframe.sheet').contentDocument
      return inside.images.length > 0 && [...inside.images].every((image) => image.naturalWidth > 0)
    })
    const background = await page
      .locator('iframe.sheet')
      .evaluate((one) => one.contentWindow.getComputedStyle(one.contentDocument.documentElement).backgroundColor)
    assert.equal(background, 'rgb(27, 26, 46)')
  })
})

test('a phone has a menu, a search of full width, and no sideways scrolling', async () => {
  const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }
  await visit(
    browser,
    async (page) => {
      const fits = async (where) => {
        const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
        assert.ok(content <= window, `${where}: ${content} wide in ${window}`)
      }
      await page.goto(base('acme'))
      await page.getByRole('heading', { level: 1 }).waitFor()
      await fits('home')
      assert.deepEqual(await accessibility_problems(page), [])
      await page.getByRole('button', { name: 'Open menu' }).tap()
      const drawer = page.getByRole('dialog', { name: 'Menu' })
      await drawer.getByRole('treeitem').first().tap()
      await page.waitForURL(/\/c\//)
      await drawer.waitFor({ state: 'hidden' })
      await fits('collection')
      await page.getByRole('button', { name: 'Open the search' }).tap()
      await page.getByRole('combobox', { name: 'Search' }).fill('heating')
      await page.locator('[role=option]').first().waitFor()
      await fits('search')
      await page.locator('[role=option]', { hasText: 'Setting the heating curve' }).first().tap()
      await page.frameLocator('iframe.sheet').getByRole('heading', { name: 'Four evenings' }).waitFor()
      await fits('viewer')
      assert.deepEqual(await accessibility_problems(page), [])
    },
    phone
  )
})

test('both appearances are readable on both sites', async () => {
  for (const site of ['acme', 'globex']) {
    await visit(browser, async (page) => {
      await page.goto(base(site))
      await page.getByRole('heading', { level: 1 }).waitFor()
      const before = await page.evaluate(() => document.documentElement.dataset.scheme)
      await page.getByRole('button', { name: /appearance$/ }).click()
      const now = await page.evaluate(() => document.documentElement.dataset.scheme)
      assert.notEqual(now, before)
      assert.deepEqual(await accessibility_problems(page), [])
      await page.reload()
      await page.getByRole('heading', { level: 1 }).waitFor()
      assert.equal(await page.evaluate(() => document.documentElement.dataset.scheme), now)
    })
  }
})

test('a failing bootstrap is told and can be tried again', async () => {
  await visit(browser, async (page, watch) => {
    watch.allow(503)
    let failing = true
    await page.route('**/api/portal/bootstrap', (route) =>
      failing
        ? route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"title":"Unavailable","status":503}' })
        : route.continue()
    )
    await page.goto(base('acme'))
    await page.getByRole('heading', { name: 'The portal could not be loaded' }).waitFor()
    failing = false
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByRole('heading', { level: 1, name: /Aurora/ }).waitFor()
  })
})

test('an address that has run out is asked for again', async () => {
  await visit(browser, async (page, watch) => {
    watch.allow(404)
    await sign_in(page, 'acme')
    const item = await page_item(page, 'SELECT INTO')
    let asked = 0
    await page.route(`**/api/items/${item.id}/access`, async (route) => {
      asked += 1
      if (asked > 1) return route.continue()
      const expires_at = new Date(Date.now() + 3_600_000).toISOString()
      await route.fulfill({ json: { url: '/protected/run-out/sql-selectinto.html', expires_at, kind: 'page' } })
    })
    await page.goto(`${base('acme')}/i/${item.id}`)
    await shown_frame(page, 'Synopsis')
    assert.equal(asked, 2)
  })
})
