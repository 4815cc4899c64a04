import { nextTick, shallowRef } from 'vue'

export type RouteName = 'home' | 'collection' | 'item' | 'search' | 'sign-in' | 'sign-up' | 'unknown'

export interface Route {
  name: RouteName
  /** Collection slug or id, or item id. */
  id: string
  query: URLSearchParams
  hash: string
  /** Path with query and fragment: what navigate() takes. */
  full: string
}

interface Entry {
  portal: true
  index: number
}

export function parse_route(url: URL): Route {
  const path = url.pathname.replace(/^\/portal(?=\/|$)/, '').replace(/\/+$/, '') || '/'
  const [, head = '', tail = '', rest] = path.split('/')
  let name: RouteName = 'unknown'
  let id = ''
  if (path === '/') name = 'home'
  else if (rest === undefined && (head === 'c' || head === 'i') && tail) {
    name = head === 'c' ? 'collection' : 'item'
    try {
      id = decodeURIComponent(tail)
    } catch {
      name = 'unknown'
    }
  } else if (!tail && (head === 'search' || head === 'sign-in' || head === 'sign-up')) name = head
  return { name, id, query: url.searchParams, hash: url.hash, full: path + url.search + url.hash }
}

/** A small history router: the address is the state, and each history entry keeps its scroll position. */
class Router {
  readonly route = shallowRef<Route>(parse_route(new URL(location.href)))
  /** True while the shown route was reached by the back or forward button. */
  travelled = false
  private index = 0
  private readonly scrolls = new Map<number, number>()
  private readonly path_scrolls = new Map<string, number>()
  private pending: number | null = null

  start(): void {
    history.scrollRestoration = 'manual'
    const entry = history.state as Entry | null
    if (entry?.portal) this.index = entry.index
    else history.replaceState({ portal: true, index: 0 } satisfies Entry, '')
    addEventListener('popstate', (event) => {
      const state = event.state as Entry | null
      if (!state?.portal) {
        // A fragment link of the page itself: adopt the entry.
        history.replaceState({ portal: true, index: this.index } satisfies Entry, '')
      }
      this.remember()
      this.index = state?.index ?? this.index
      this.travelled = true
      this.pending = this.scrolls.get(this.index) ?? 0
      this.route.value = parse_route(new URL(location.href))
    })
  }

  navigate(to: string, options: { replace?: boolean; keep_scroll?: boolean; restore?: boolean } = {}): void {
    const next = parse_route(new URL(to, location.origin))
    if (next.full === this.route.value.full && !options.replace) {
      scrollTo({ top: 0 })
      return
    }
    if (options.replace) {
      history.replaceState({ portal: true, index: this.index } satisfies Entry, '', next.full)
    } else {
      this.remember()
      this.index += 1
      for (const key of this.scrolls.keys()) if (key >= this.index) this.scrolls.delete(key)
      history.pushState({ portal: true, index: this.index } satisfies Entry, '', next.full)
    }
    this.travelled = false
    this.pending = options.keep_scroll
      ? null
      : options.restore
        ? (this.path_scrolls.get(next.full) ?? 0)
        : 0
    this.route.value = next
  }

  private remember(): void {
    this.scrolls.set(this.index, scrollY)
    this.path_scrolls.set(this.route.value.full, scrollY)
  }

  /** Called by the page once the route's content is on screen. */
  async settle_scroll(): Promise<void> {
    const top = this.pending
    this.pending = null
    if (top === null) return
    await nextTick()
    scrollTo({ top })
    if (top > 0 && Math.abs(scrollY - top) > 4) requestAnimationFrame(() => scrollTo({ top }))
  }
}

export const router = new Router()

/** For plain links: lets the browser have modified clicks (new tab, download). */
export function follow(event: MouseEvent, to: string): void {
  if (event.defaultPrevented || event.button !== 0) return
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  event.preventDefault()
  router.navigate(to)
}
