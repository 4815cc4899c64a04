// A headless Chromium whose pages are watched: every broken rule of the content policy, every script error and
// every request to another host is written down and fails the test at its end.

import assert from 'node:assert/strict'
import { chromium } from 'playwright-core'

const executable = process.env.MPF_CHROMIUM ?? '/usr/bin/chromium'

export async function start_browser() {
  // Containers and CI machines often run as root, where Chromium's own sandbox cannot start.
  return chromium.launch({ executablePath: executable, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
}

/** Runs `body(page, watch)` in a fresh browser context. `watch.allow(status)` expects a failing request. */
export async function visit(browser, body, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 820 },
    reducedMotion: 'reduce',
    locale: 'en-GB',
    ...options
  })
  context.setDefaultTimeout(30_000)
  const page = await context.newPage()
  const problems = []
  const allowed = new Set()
  page.on('pageerror', (error) => problems.push(`script error: ${error.stack ?? error.message}`))
  page.on('console', (message) => {
    const text = message.text()
    const status = /the server responded with a status of (\d+)/.exec(text)?.[1]
    if (status && allowed.has(Number(status))) return
    if (message.type() === 'error' || /Content.Security.Policy|Refused to/i.test(text)) {
      problems.push(`console: ${text} (${message.location().url})`)
    }
  })
  context.on('request', (request) => {
    const url = new URL(request.url())
    const local = url.hostname.endsWith('.localhost')
    // Chromium's PDF viewer loads its own parts from the last two.
    const own = ['data:', 'blob:', 'chrome:', 'chrome-extension:'].includes(url.protocol)
    if (!local && !own) problems.push(`request to another host: ${request.url()}`)
  })
  try {
    await body(page, { allow: (status) => allowed.add(status) })
    assert.deepEqual(problems, [])
  } finally {
    await context.close()
  }
}

/** What a screen reader could not name or place: the checks that find most mistakes in practice. */
export async function accessibility_problems(page) {
  return page.evaluate(() => {
    const found = []
    const say = (element, what) => found.push(`${what}: ${element.outerHTML.slice(0, 140)}`)
    const shown = (element) => element.checkVisibility({ visibilityProperty: true })
    const name_of = (element) => {
      const by = element.getAttribute('aria-labelledby')
      const labelled = by && by.split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? '').join(' ')
      const images = [...element.querySelectorAll('img[alt]')].map((image) => image.alt).join(' ')
      const label = [...(element.labels ?? [])].map((one) => one.textContent).join(' ')
      return [element.getAttribute('aria-label'), labelled, label, element.textContent, images, element.title]
        .map((text) => (text ?? '').trim())
        .find(Boolean)
    }
    if (!document.documentElement.lang) found.push('the document has no language')
    if (!document.title) found.push('the document has no title')
    if (document.querySelectorAll('main').length !== 1) found.push('not exactly one main')
    const ids = [...document.querySelectorAll('[id]')].map((element) => element.id)
    for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push(`id twice: ${id}`)
    const headings = [...document.querySelectorAll('h1,h2,h3,h4')].filter(shown)
    if (headings.filter((one) => one.tagName === 'H1').length !== 1) found.push('not exactly one h1')
    headings.reduce((before, one) => {
      const level = Number(one.tagName[1])
      if (level > before + 1) say(one, 'heading level skipped')
      return level
    }, 0)
    for (const one of document.querySelectorAll('a[href],button,input,select,textarea,iframe,[role=treeitem],[role=option]')) {
      if (shown(one) && !name_of(one)) say(one, 'no name')
    }
    for (const one of document.querySelectorAll('img')) if (!one.hasAttribute('alt')) say(one, 'no alt')
    for (const one of document.querySelectorAll('[tabindex]')) if (one.tabIndex > 0) say(one, 'tabindex above 0')
    for (const one of document.querySelectorAll('[aria-controls],[aria-activedescendant],[aria-describedby]')) {
      for (const attribute of ['aria-activedescendant', 'aria-describedby']) {
        const id = one.getAttribute(attribute)
        if (id && !document.getElementById(id)) say(one, `${attribute} names nothing`)
      }
    }
    for (const one of document.querySelectorAll('[role=option]')) {
      if (!one.closest('[role=listbox]')) say(one, 'option outside a listbox')
    }
    for (const one of document.querySelectorAll('[role=treeitem]')) {
      if (!one.closest('[role=tree]')) say(one, 'treeitem outside a tree')
    }
    for (const one of document.querySelectorAll('[aria-hidden=true]')) {
      const inside = one.querySelector('a[href],button,input,select,textarea,[tabindex="0"]')
      if (inside && shown(inside)) say(inside, 'can be focused but is hidden')
    }
    // Contrast of text on a plain ground.
    const channels = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number)
    const luminance = ([r, g, b]) =>
      [r, g, b]
        .map((v) => v / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
    const ground_of = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const style = getComputedStyle(at)
        if (style.backgroundImage !== 'none' || style.position === 'absolute' || at.closest('.hero, .picture')) return null
        if (!style.backgroundColor.startsWith('rgb')) return null
        const [r, g, b, a = 1] = channels(style.backgroundColor)
        if (a === 1) return [r, g, b]
        if (a > 0) return null
      }
      return null
    }
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement
      if (!node.data.trim() || !shown(element) || element.closest('[aria-disabled=true], .visually-hidden, .skip')) continue
      const style = getComputedStyle(element)
      const ground = ground_of(element)
      if (!ground || !style.color.startsWith('rgb(')) continue
      const [low, high] = [luminance(channels(style.color)), luminance(ground)].sort((a, b) => a - b)
      const ratio = (high + 0.05) / (low + 0.05)
      const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700)
      if (ratio < (large ? 3 : 4.5)) say(element, `contrast ${ratio.toFixed(2)} of “${node.data.trim().slice(0, 30)}”`)
    }
    return found
  })
}
