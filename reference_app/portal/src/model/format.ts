import type { Kind } from './types'

const kind_names: Record<Kind, string> = {
  page: 'Page',
  pdf: 'PDF',
  image: 'Image',
  video: 'Video',
  audio: 'Audio',
  text: 'Text',
  markdown: 'Article',
  file: 'File'
}

export function kind_name(kind: Kind): string {
  return kind_names[kind] ?? 'File'
}

export function file_size(bytes: number): string {
  if (!(bytes > 0)) return ''
  if (bytes < 1000) return `${bytes} B`
  const units = ['kB', 'MB', 'GB']
  let value = bytes / 1000
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${value < 10 ? value.toFixed(1).replace(/\.0$/, '') : Math.round(value)} ${units[unit]}`
}

const date_format = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' })

export function date(text: string): string {
  const value = new Date(text)
  return Number.isNaN(value.getTime()) ? '' : date_format.format(value)
}

export function count(n: number, one: string, many = one + 's'): string {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`
}

/** A stable number for a text, to vary generated art. */
export function seed_of(text: string): number {
  let h = 2166136261
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619)
  return h >>> 0
}

export function random_from(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export function initials(name: string): string {
  const words = name.trim().split(/\s+/)
  return ((words[0]?.[0] ?? '') + (words.length > 1 ? (words.at(-1)?.[0] ?? '') : '')).toUpperCase() || '?'
}
