// What the viewer does with a page of protected content: it is of the portal's own origin but runs no scripts,
// so the portal reads where it stands, listens to its links and keys, and dresses plain documents.

/** The part of a protected address after the grant, decoded; null for any other address. */
export function path_in_grant(pathname: string): string | null {
  const tail = /^\/protected\/[^/]+\/(.+)$/.exec(pathname)?.[1]
  if (!tail) return null
  try {
    return tail.split('/').map(decodeURIComponent).join('/')
  } catch {
    return null
  }
}

export interface FrameState {
  /** Empty when the frame shows no document of ours. */
  pathname: string
  hash: string
  /** HTTP status where the browser tells it, else 0. */
  status: number
}

export function read_frame(frame: HTMLIFrameElement): FrameState | null {
  try {
    const view = frame.contentWindow
    if (!view || view.location.href === 'about:blank') return null
    const entry = view.performance?.getEntriesByType?.('navigation')[0] as
      | PerformanceNavigationTiming
      | undefined
    return { pathname: view.location.pathname, hash: view.location.hash, status: entry?.responseStatus ?? 0 }
  } catch {
    // Another origin: nothing can be read, and nothing is.
    return { pathname: '', hash: '', status: 0 }
  }
}

export interface FrameHandlers {
  /** A plain click on a link; true when it was dealt with. */
  link: (url: URL) => boolean
  key: (event: KeyboardEvent) => void
}

export function listen(frame: HTMLIFrameElement, handlers: FrameHandlers): void {
  let page: Document | null = null
  try {
    page = frame.contentDocument
  } catch {
    return
  }
  if (!page) return
  page.addEventListener('click', (event) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    const anchor = (event.target as Element | null)?.closest?.('a[href]') as HTMLAnchorElement | null
    if (!anchor || typeof anchor.href !== 'string' || anchor.hasAttribute('download')) return
    let url: URL
    try {
      url = new URL(anchor.href)
    } catch {
      return
    }
    if (handlers.link(url)) event.preventDefault()
  })
  page.addEventListener('keydown', (event) => handlers.key(event))
}

/** A page that begins at its very edge gets the margin its author left to the browser, in its own colour. */
export function give_room(frame: HTMLIFrameElement): void {
  try {
    const page = frame.contentDocument
    const view = frame.contentWindow
    if (!page?.body || !view) return
    const [root, body] = [view.getComputedStyle(page.documentElement), view.getComputedStyle(page.body)]
    const clear = (colour: string) => colour === 'transparent' || /,\s*0\)$/.test(colour)
    const ground = [root, body].map((style) => style.backgroundColor).find((colour) => !clear(colour))
    frame.style.backgroundColor = ground ?? '#fff'
    const edge = (style: CSSStyleDeclaration) => parseFloat(style.marginLeft) + parseFloat(style.paddingLeft)
    frame.classList.toggle('roomy', edge(root) + edge(body) <= 16)
  } catch {
    // Not readable: it stays as it is.
  }
}

const article = `
:root { color-scheme: var(--scheme); }
html { background: var(--surface); scrollbar-color: color-mix(in srgb, var(--text) 26%, transparent) transparent; }
body {
  max-width: 74ch; margin: 0 auto; padding: clamp(24px, 5vw, 56px) clamp(20px, 4vw, 40px) 96px;
  background: none; color: var(--text); font: 400 17px/1.65 var(--font); overflow-wrap: break-word;
  -webkit-font-smoothing: antialiased;
}
main { max-width: none; margin: 0; padding: 0; }
h1, h2, h3, h4 { font-family: var(--font-heading); line-height: 1.2; letter-spacing: -0.015em; margin: 2em 0 0.6em; text-wrap: balance; }
h1 { font-size: 2.1em; margin-top: 0; letter-spacing: -0.024em; } h2 { font-size: 1.45em; } h3 { font-size: 1.15em; }
p, ul, ol, blockquote, table, pre, figure { margin: 0 0 1.1em; }
ul, ol { padding-left: 1.4em; } li { margin: 0.3em 0; } li::marker { color: var(--text-3); }
a { color: var(--primary-ink); text-underline-offset: 3px; text-decoration-thickness: 1px; }
img, svg, video { max-width: 100%; height: auto; border-radius: var(--radius-s); }
blockquote { margin-left: 0; color: inherit; padding: 0.9em 1.2em; border-left: 3px solid var(--primary); background: var(--primary-soft); border-radius: 0 var(--radius-s) var(--radius-s) 0; }
blockquote > :last-child { margin-bottom: 0; }
code, pre { font-family: ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; font-size: 0.88em; }
code, :not(pre) > code { background: var(--sunken); padding: 0.15em 0.4em; border-radius: 5px; }
pre, .plain { font-family: ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; font-size: 0.86em; line-height: 1.6; }
pre { background: var(--sunken); padding: 1em 1.2em; border-radius: var(--radius-s); overflow: auto; line-height: 1.55; }
pre code { background: none; padding: 0; font-size: 1em; }
table { border-collapse: collapse; width: 100%; font-size: 0.92em; display: block; overflow-x: auto; }
th { text-align: left; color: var(--text-2); font-size: 0.9em; background: none; }
th, td { border: 0; padding: 0.6em 1em 0.6em 0; border-bottom: 1px solid var(--line); vertical-align: top; }
hr { border: 0; border-top: 1px solid var(--line); margin: 2.4em 0; }
::selection { background: color-mix(in srgb, var(--primary) 28%, transparent); }
:focus-visible { outline: 2.5px solid var(--focus); outline-offset: 2px; border-radius: 3px; }
`

const passed_on = [
  'surface', 'sunken', 'text', 'text-2', 'text-3', 'line', 'primary', 'primary-ink', 'primary-soft', 'focus',
  'font', 'font-heading', 'radius-s'
] // prettier-ignore

/** The portal's fonts, for documents that have no style sheet of their own. */
function font_rules(): string {
  const rules: string[] = []
  for (const sheet of document.styleSheets) {
    try {
      for (const rule of sheet.cssRules) if (rule instanceof CSSFontFaceRule) rules.push(rule.cssText)
    } catch {
      // A sheet of a browser extension.
    }
  }
  return rules.join('\n')
}

/** Gives a Markdown or plain text document the site's look. Only through CSSOM, so any policy allows it. */
export function dress(frame: HTMLIFrameElement, scheme: string): void {
  try {
    const page = frame.contentDocument
    const view = frame.contentWindow as (Window & typeof globalThis) | null
    if (!page?.documentElement || !view?.CSSStyleSheet) return
    const own = getComputedStyle(document.documentElement)
    for (const name of passed_on) {
      page.documentElement.style.setProperty(`--${name}`, own.getPropertyValue(`--${name}`))
    }
    page.documentElement.style.setProperty('--scheme', scheme)
    const sheet = new view.CSSStyleSheet()
    sheet.replaceSync(font_rules() + article)
    page.adoptedStyleSheets = [sheet]
  } catch {
    // An older browser: the document keeps the look the server gave it.
  }
}
