import { computed, shallowRef, watch } from 'vue'
import { api, ApiError, on_stale_csrf, use_csrf } from './api'
import { apply_look, complete_look } from './look'
import { SearchIndex } from './search'
import type { Bootstrap, Collection, Item, Look, Scheme, Site, User } from './types'

/** What the bootstrap says, arranged for reading. Immutable: a new bootstrap makes a new catalogue. */
export class Catalogue {
  readonly collections: readonly Collection[]
  readonly items: readonly Item[]
  private readonly by_id = new Map<number, Collection>()
  private readonly by_slug = new Map<string, Collection>()
  private readonly item_by_id = new Map<number, Item>()
  private readonly child_lists = new Map<number | null, Collection[]>()
  private readonly item_lists = new Map<number, Item[]>()
  private readonly totals = new Map<number, number>()
  private readonly by_path = new Map<string, Item[]>()
  private search_index: SearchIndex | null = null

  constructor(data: Pick<Bootstrap, 'collections' | 'items'>) {
    const order = <T extends { position: number; id: number }>(a: T, b: T) =>
      a.position - b.position || a.id - b.id
    this.collections = [...data.collections].sort(order)
    this.items = data.items.map((item) => ({ ...item, summary: without_title(item.summary ?? '', item.title) }))
    for (const one of this.collections) this.by_id.set(one.id, one)
    for (const one of this.collections) {
      if (!this.by_slug.has(one.slug)) this.by_slug.set(one.slug, one)
      // A parent that this user may not see makes its child a top one.
      const parent = one.parent !== null && this.by_id.has(one.parent) ? one.parent : null
      append(this.child_lists, parent, one)
    }
    for (const item of this.items) {
      this.item_by_id.set(item.id, item)
      append(this.item_lists, item.collection, item)
      if (item.path) append(this.by_path, item.path, item)
    }
    for (const list of this.item_lists.values()) list.sort(order)
    const count = (one: Collection): number => {
      let sum = this.items_in(one.id).length
      for (const child of this.children(one.id)) sum += count(child)
      this.totals.set(one.id, sum)
      return sum
    }
    for (const top of this.children(null)) count(top)
  }

  children(parent: number | null): readonly Collection[] {
    return this.child_lists.get(parent) ?? []
  }
  items_in(collection: number): readonly Item[] {
    return this.item_lists.get(collection) ?? []
  }
  /** Items of the collection and all below it. */
  total(collection: number): number {
    return this.totals.get(collection) ?? 0
  }
  collection(slug_or_id: string): Collection | undefined {
    return this.by_slug.get(slug_or_id) ?? this.by_id.get(Number(slug_or_id))
  }
  item(id: number | string): Item | undefined {
    return this.item_by_id.get(Number(id))
  }
  /** From the top collection down to the given one. */
  trail(collection: number): Collection[] {
    const out: Collection[] = []
    for (let one = this.by_id.get(collection); one && !out.includes(one); ) {
      out.unshift(one)
      one = one.parent === null ? undefined : this.by_id.get(one.parent)
    }
    return out
  }
  /** The item that lies at `path` in the same import as `near`. */
  at_path(path: string, near: Item): Item | undefined {
    const candidates = (this.by_path.get(path) ?? []).filter((item) => item.source === near.source)
    if (candidates.length < 2) return candidates[0]
    const home = this.trail(near.collection)
    const shared = (item: Item) => this.trail(item.collection).filter((one) => home.includes(one)).length
    return [...candidates].sort((a, b) => shared(b) - shared(a))[0]
  }
  get search(): SearchIndex {
    this.search_index ??= new SearchIndex(this.items, (item) =>
      this.trail(item.collection)
        .map((one) => one.name)
        .join(' ')
    )
    return this.search_index
  }
}

/** Summaries taken from a page's text often begin with its title, sometimes twice; a card shows it already. */
function without_title(summary: string, title: string): string {
  let rest = summary.trim()
  const name = title.trim().toLowerCase()
  while (name && rest.toLowerCase().startsWith(name)) {
    const after = rest.slice(name.length)
    // "The pump runs …" is a sentence about "The pump", not its title once more.
    if (/^[\p{L}\p{N}]|^\s+\p{Ll}/u.test(after) && !after.trim().toLowerCase().startsWith(name)) break
    rest = after.replace(/^[\s.:–—#-]+/, '')
  }
  return rest
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}

export function collection_url(one: Collection): string {
  return `/c/${encodeURIComponent(one.slug || String(one.id))}`
}
/** Where a click on an item leads: visitors are asked to sign in first for what is locked. */
export function open_url(item: Item): string {
  return item.locked ? `/sign-in?return=${encodeURIComponent(item_url(item))}` : item_url(item)
}
export function item_url(item: Item): string {
  return `/i/${item.id}`
}

const site = shallowRef<Site | null>(null)
const user = shallowRef<User | null>(null)
const look = shallowRef<Look>(complete_look(remembered_look()))
const catalogue = shallowRef<Catalogue | null>(null)
const failure = shallowRef<ApiError | null>(null)
const scheme_choice = shallowRef<Scheme | null>(read_scheme())
let loaded_at = 0
let running: Promise<void> | null = null
let wanted_again = false

function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key)
    else localStorage.setItem(key, value)
  } catch {
    // Storage may be forbidden; then nothing is remembered.
  }
}
function recall(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}
function remembered_look(): Partial<Look> | null {
  try {
    return JSON.parse(recall('portal.look') ?? 'null') as Partial<Look> | null
  } catch {
    return null
  }
}
function read_scheme(): Scheme | null {
  const value = recall('portal.scheme')
  return value === 'light' || value === 'dark' ? value : null
}

const scheme = computed<Scheme>(() => scheme_choice.value ?? look.value.scheme)

async function fetch_bootstrap(): Promise<void> {
  try {
    const data = await api.bootstrap()
    use_csrf(data.csrf)
    failure.value = null
    site.value = data.site
    user.value = data.user
    look.value = complete_look(data.site.look)
    catalogue.value = new Catalogue(data)
    loaded_at = Date.now()
    remember('portal.look', JSON.stringify(look.value))
  } catch (error) {
    failure.value = error instanceof ApiError ? error : new ApiError(0, String(error))
  }
}

/** Loads the bootstrap; a call during a load makes one more load follow, so that it never ends with old data. */
function load(): Promise<void> {
  if (running) {
    wanted_again = true
    return running
  }
  running = (async () => {
    do {
      wanted_again = false
      await fetch_bootstrap()
    } while (wanted_again)
  })().finally(() => {
    running = null
  })
  return running
}

async function after_account_change(csrf?: string): Promise<void> {
  if (csrf) use_csrf(csrf)
  await load()
}

export const store = {
  site,
  user,
  look,
  scheme,
  catalogue,
  failure,
  load,
  async sign_in(email: string, password: string): Promise<void> {
    const answer = await api.sign_in({ email, password })
    await after_account_change(answer.csrf)
  },
  async sign_up(name: string, email: string, password: string): Promise<void> {
    const answer = await api.sign_up({ name, email, password })
    await after_account_change(answer.csrf)
  },
  async sign_out(): Promise<void> {
    await api.sign_out()
    await after_account_change()
  },
  toggle_scheme(): void {
    const next: Scheme = scheme.value === 'dark' ? 'light' : 'dark'
    scheme_choice.value = next === look.value.scheme ? null : next
    remember('portal.scheme', scheme_choice.value)
  },
  start(): void {
    on_stale_csrf(load)
    watch([look, scheme], () => apply_look(look.value, scheme.value), { immediate: true })
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && loaded_at && Date.now() - loaded_at > 60_000) void load()
    })
    void load()
  }
}
