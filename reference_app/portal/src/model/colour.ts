// Colours are derived in OKLCH, where equal steps look equal, and checked with WCAG contrast.

export interface Lch {
  l: number
  c: number
  h: number
}

const to_linear = (v: number) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
const from_linear = (v: number) => (v <= 0.0031308 ? v * 12.92 : 1.055 * v ** (1 / 2.4) - 0.055)

function channels(hex: string): [number, number, number] {
  const digits = /^#?([0-9a-f]{6}|[0-9a-f]{3})$/i.exec(hex.trim())?.[1] ?? '808080'
  const full = digits.length === 3 ? digits.replace(/./g, '$&$&') : digits
  return [0, 2, 4].map((i) => parseInt(full.slice(i, i + 2), 16) / 255) as [number, number, number]
}

export function is_colour(text: unknown): text is string {
  return typeof text === 'string' && /^#([0-9a-f]{6}|[0-9a-f]{3})$/i.test(text.trim())
}

export function parse(hex: string): Lch {
  const [r, g, b] = channels(hex).map(to_linear) as [number, number, number]
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
  const lightness = 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s
  const a = 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s
  const bb = 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s
  return { l: lightness, c: Math.hypot(a, bb), h: (Math.atan2(bb, a) * 180) / Math.PI }
}

function to_rgb({ l, c, h }: Lch): [number, number, number] {
  const a = c * Math.cos((h * Math.PI) / 180)
  const b = c * Math.sin((h * Math.PI) / 180)
  const x = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const y = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const z = (l - 0.0894841775 * a - 1.291485548 * b) ** 3
  return [
    4.0767416621 * x - 3.3077115913 * y + 0.2309699292 * z,
    -1.2684380046 * x + 2.6097574011 * y - 0.3413193965 * z,
    -0.0041960863 * x - 0.7034186147 * y + 1.707614701 * z
  ]
}

/** The nearest displayable colour: chroma gives way before lightness or hue does. */
export function format(colour: Lch): string {
  let c = colour.c
  let rgb = to_rgb(colour)
  for (let i = 0; i < 24 && rgb.some((v) => v < -0.0005 || v > 1.0005); i++) {
    c *= 0.9
    rgb = to_rgb({ ...colour, c })
  }
  return (
    '#' +
    rgb
      .map((v) => Math.round(Math.min(1, Math.max(0, from_linear(Math.min(1, Math.max(0, v))))) * 255))
      .map((v) => v.toString(16).padStart(2, '0'))
      .join('')
  )
}

export function luminance(hex: string): number {
  const [r, g, b] = channels(hex).map(to_linear) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

export function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((x, y) => x - y) as [number, number]
  return (high + 0.05) / (low + 0.05)
}

export function mix(from: string, to: string, part: number): string {
  const [a, b] = [channels(from), channels(to)]
  return (
    '#' +
    a
      .map((v, i) => Math.round((v + (b[i]! - v) * part) * 255))
      .map((v) => v.toString(16).padStart(2, '0'))
      .join('')
  )
}

/** `colour` made lighter or darker until it is readable on every one of `grounds`. */
export function readable(colour: string, grounds: string[], ratio: number): string {
  const fine = (candidate: string) => grounds.every((ground) => contrast(candidate, ground) >= ratio)
  if (fine(colour)) return colour
  const start = parse(colour)
  const mean = grounds.reduce((sum, ground) => sum + luminance(ground), 0) / grounds.length
  const step = mean > 0.18 ? -0.015 : 0.015
  for (let l = start.l; l >= 0 && l <= 1; l += step) {
    const candidate = format({ ...start, l })
    if (fine(candidate)) return candidate
  }
  return step < 0 ? '#000000' : '#ffffff'
}

/** Light or dark ink for text on a filled area; a tinted one if that is readable enough. */
export function ink_on(ground: string, ratio = 4.5): string {
  const { h } = parse(ground)
  const light = format({ l: 0.99, c: 0.006, h })
  const dark = format({ l: 0.2, c: 0.03, h })
  const best = contrast(light, ground) >= Math.min(ratio, contrast(dark, ground)) ? light : dark
  if (contrast(best, ground) >= ratio) return best
  return contrast('#ffffff', ground) > contrast('#000000', ground) ? '#ffffff' : '#000000'
}
