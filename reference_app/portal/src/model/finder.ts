import { computed, shallowRef, watch } from 'vue'
import { router } from './router'
import { terms_of } from './search'
import { open_url, store } from './store'
import type { Item, Kind } from './types'

// The state of the search that the box in the header and the results page share.

const query = shallowRef(router.route.value.name === 'search' ? (router.route.value.query.get('q') ?? '') : '')
const kind = shallowRef<Kind | null>(null)
const active = shallowRef(0)
let origin = '/'
let timer = 0

const terms = computed(() => terms_of(query.value))
const all_hits = computed(() => store.catalogue.value?.search.find(query.value) ?? [])
const kinds = computed(() => {
  const counts = new Map<Kind, number>()
  for (const hit of all_hits.value) counts.set(hit.item.kind, (counts.get(hit.item.kind) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1])
})
const hits = computed(() =>
  kind.value && kinds.value.some(([one]) => one === kind.value)
    ? all_hits.value.filter((hit) => hit.item.kind === kind.value)
    : all_hits.value
)

const address = () => `/search${query.value ? `?q=${encodeURIComponent(query.value)}` : ''}`

function put_address(): void {
  clearTimeout(timer)
  if (router.route.value.name === 'search') router.navigate(address(), { replace: true, keep_scroll: true })
}

watch(router.route, (now, before) => {
  if (now.name === 'search') {
    if (before.name !== 'search') origin = before.full
    // A back or forward step, or a followed link: the address leads.
    const asked = now.query.get('q') ?? ''
    if (asked.trim() !== query.value.trim()) query.value = asked
  } else {
    clearTimeout(timer)
    query.value = ''
    kind.value = null
  }
})
watch([query, kind], () => {
  active.value = 0
})

export const finder = {
  query,
  terms,
  hits,
  total: computed(() => all_hits.value.length),
  kinds,
  kind,
  active,
  type(text: string): void {
    query.value = text
    if (router.route.value.name !== 'search') {
      if (text.trim()) router.navigate(address())
      return
    }
    // The results follow each key; the address only the pauses, as browsers limit how often it may change.
    clearTimeout(timer)
    timer = window.setTimeout(put_address, 300)
  },
  move(step: number): void {
    const last = hits.value.length - 1
    active.value = Math.max(0, Math.min(last, active.value + step))
  },
  open(item: Item | undefined): void {
    if (!item) return
    put_address()
    router.navigate(open_url(item))
  },
  leave(): void {
    clearTimeout(timer)
    if (router.route.value.name === 'search') router.navigate(origin, { restore: true })
    else query.value = ''
  }
}
