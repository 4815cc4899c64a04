import type { Item } from './types'

/**
 * Lower case without accents, one output unit for each input unit, so that positions found in the folded
 * text are positions in the shown text.
 */
export function fold(text: string): string {
  if (/^[\x00-\x7f]*$/.test(text)) return text.toLowerCase()
  let out = ''
  for (let i = 0; i < text.length; i++) {
    const unit = text[i]!
    const folded = unit.normalize('NFD')[0]!.toLowerCase()
    out += folded.length === 1 ? folded : unit
  }
  return out
}

const is_word = (code: number) =>
  (code >= 48 && code <= 57) || (code >= 97 && code <= 122) || code > 127

/** Whether a word of `text` begins with `term`; -1 no, otherwise where. */
function word_start(text: string, term: string): number {
  for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + 1)) {
    if (at === 0 || !is_word(text.charCodeAt(at - 1))) return at
  }
  return -1
}

export interface Entry {
  item: Item
  title: string
  summary: string
  place: string
}

export interface Hit {
  item: Item
  score: number
}

export function terms_of(query: string): string[] {
  return fold(query).split(/\s+/).filter(Boolean).slice(0, 8)
}

export class SearchIndex {
  private readonly entries: Entry[]

  constructor(items: readonly Item[], place: (item: Item) => string) {
    this.entries = items.map((item) => ({
      item,
      title: fold(item.title),
      summary: fold(item.summary ?? ''),
      place: fold(place(item))
    }))
  }

  /** Best first. Each term must be found; title beginnings beat title words beat the summary. */
  find(query: string): Hit[] {
    const terms = terms_of(query)
    if (!terms.length) return []
    const phrase = terms.join(' ')
    const hits: Hit[] = []
    for (const entry of this.entries) {
      const score = score_of(entry, terms, phrase)
      if (score > 0) hits.push({ item: entry.item, score })
    }
    return hits.sort((a, b) => b.score - a.score || a.item.position - b.item.position || a.item.id - b.item.id)
  }
}

function score_of(entry: Entry, terms: string[], phrase: string): number {
  let score = 0
  for (const term of terms) {
    const in_title = word_start(entry.title, term)
    if (in_title === 0) score += 140
    else if (in_title > 0) score += 100
    else if (entry.title.includes(term)) score += 50
    else if (word_start(entry.summary, term) >= 0) score += 22
    else if (entry.summary.includes(term)) score += 10
    else if (word_start(entry.place, term) >= 0) score += 4
    else return 0
  }
  if (entry.title === phrase) score += 2000
  else if (entry.title.startsWith(phrase)) score += 1000
  else if (word_start(entry.title, phrase) > 0) score += 500
  // Among equals the shorter title is nearer to what was typed.
  return score + Math.max(0, 40 - entry.title.length / 4)
}

export interface Piece {
  text: string
  hit: boolean
}

/** `text` cut into pieces so that the found terms can be marked. Word beginnings win over inner matches. */
export function highlight(text: string, terms: readonly string[]): Piece[] {
  const folded = fold(text)
  const marks: [number, number][] = []
  for (const term of terms) {
    let found = false
    for (let at = folded.indexOf(term); at >= 0 && marks.length < 24; at = folded.indexOf(term, at + term.length)) {
      if (at === 0 || !is_word(folded.charCodeAt(at - 1))) {
        marks.push([at, at + term.length])
        found = true
      }
    }
    const inner = found ? -1 : folded.indexOf(term)
    if (inner >= 0) marks.push([inner, inner + term.length])
  }
  marks.sort((a, b) => a[0] - b[0])
  const pieces: Piece[] = []
  let done = 0
  for (const [from, to] of marks) {
    if (to <= done) continue
    const start = Math.max(from, done)
    if (start > done) pieces.push({ text: text.slice(done, start), hit: false })
    pieces.push({ text: text.slice(start, to), hit: true })
    done = to
  }
  if (done < text.length) pieces.push({ text: text.slice(done), hit: false })
  return pieces
}

/** The part of a long text around the first term, for a result's second line. */
export function excerpt(text: string, terms: readonly string[], length = 180): string {
  if (text.length <= length) return text
  const folded = fold(text)
  const first = Math.min(...terms.map((term) => folded.indexOf(term)).filter((at) => at >= 0), Infinity)
  if (!Number.isFinite(first) || first < length - 40) return text.slice(0, length).trimEnd() + '…'
  const from = text.lastIndexOf(' ', Math.max(0, first - 40)) + 1
  return '…' + text.slice(from, from + length).trimEnd() + (from + length < text.length ? '…' : '')
}
