import { format, ink_on, is_colour, mix, parse, readable } from './colour'
import type { Kind, Look, Scheme } from './types'

const fallback: Look = {
  scheme: 'light',
  primary: '#3b5bdb',
  accent: '#0c8599',
  background: '#f6f7f9',
  surface: '#ffffff',
  text: '#16191d',
  radius: 10,
  font: 'sans',
  logo: null,
  hero: null,
  hero_title: '',
  hero_text: ''
}

/** A look with every hole filled and every wrong value replaced: the portal never paints nonsense. */
export function complete_look(given: Partial<Look> | null | undefined): Look {
  const look = { ...fallback, ...(given ?? {}) }
  if (look.scheme !== 'dark') look.scheme = 'light'
  for (const name of ['primary', 'accent'] as const) {
    if (!is_colour(look[name])) look[name] = fallback[name]
  }
  const tones = neutral_tones(look.primary, look.scheme)
  for (const name of ['background', 'surface', 'text'] as const) {
    if (!is_colour(given?.[name])) look[name] = tones[name]
  }
  if (!['sans', 'serif', 'rounded'].includes(look.font)) look.font = 'sans'
  look.radius = Math.min(28, Math.max(0, Number(look.radius) || 0))
  return look
}

function neutral_tones(primary: string, scheme: Scheme) {
  const { h } = parse(primary)
  return scheme === 'dark'
    ? {
        background: format({ l: 0.185, c: 0.014, h }),
        surface: format({ l: 0.225, c: 0.017, h }),
        text: format({ l: 0.945, c: 0.008, h })
      }
    : {
        background: format({ l: 0.975, c: 0.006, h }),
        surface: '#ffffff',
        text: format({ l: 0.23, c: 0.02, h })
      }
}

const kind_hues: Record<Kind, number | null> = {
  page: null, // the site's own colour
  pdf: 25,
  image: 155,
  video: 305,
  audio: 75,
  text: 250,
  markdown: 200,
  file: 260
}

/** Every colour the style sheets use, derived from the site's look for one scheme. */
export function palette(look: Look, scheme: Scheme): Record<string, string> {
  const own = scheme === look.scheme
  const tones = own ? look : neutral_tones(look.primary, scheme)
  const dark = scheme === 'dark'
  const { background, surface } = tones
  const grounds = [background, surface]
  const text = readable(tones.text, grounds, 7)
  const raised = dark ? mix(surface, '#ffffff', 0.05) : mix(surface, text, 0.03)
  const sunken = dark ? mix(background, '#000000', 0.22) : mix(background, text, 0.035)
  const all = [...grounds, raised, sunken]

  // A primary too close to the page would make buttons disappear.
  const primary = readable(look.primary, grounds, dark ? 2.4 : 2.6)
  const hue = parse(primary)
  const accent = readable(look.accent, grounds, 2.4)
  const soft = mix(surface, primary, dark ? 0.2 : 0.09)
  const accent_soft = mix(surface, accent, dark ? 0.2 : 0.1)

  const deep = format({ l: dark ? 0.33 : Math.min(0.4, hue.l), c: Math.min(hue.c, 0.13), h: hue.h })
  const deeper = format({ l: dark ? 0.22 : 0.26, c: Math.min(hue.c * 0.6, 0.09), h: hue.h - 8 })

  const colours: Record<string, string> = {
    bg: background,
    surface,
    raised,
    sunken,
    line: mix(surface, text, dark ? 0.13 : 0.11),
    'line-strong': readable(mix(surface, text, 0.4), grounds, 3),
    text,
    'text-2': readable(mix(surface, text, 0.72), all, 5.2),
    'text-3': readable(mix(surface, text, 0.55), all, 4.5),
    primary,
    'primary-hover': mix(primary, dark ? '#ffffff' : '#000000', 0.12),
    'on-primary': ink_on(primary),
    'primary-ink': readable(primary, [...all, soft], 4.6),
    'primary-soft': soft,
    accent,
    'on-accent': ink_on(accent),
    'accent-ink': readable(accent, [...all, accent_soft], 4.6),
    'accent-soft': accent_soft,
    'hero-1': deep,
    'hero-2': deeper,
    'hero-art': format({ l: dark ? 0.62 : 0.72, c: Math.min(hue.c, 0.15), h: hue.h }),
    'hero-accent': readable(accent, [deep, deeper], 2.6),
    'tint-1': mix(surface, primary, dark ? 0.24 : 0.13),
    'tint-2': mix(surface, accent, dark ? 0.22 : 0.13),
    'on-hero': ink_on(deep, 7),
    'on-hero-2': readable(mix(deep, ink_on(deep, 7), 0.82), [deep, deeper], 4.6),
    danger: readable(dark ? '#ff8a80' : '#c62828', all, 4.6),
    'danger-soft': mix(surface, dark ? '#ff5449' : '#d32f2f', dark ? 0.16 : 0.08),
    mark: mix(surface, accent, dark ? 0.42 : 0.26),
    focus: readable(primary, grounds, 3.2),
    shadow: dark ? '#000000' : format({ l: 0.3, c: 0.03, h: hue.h })
  }
  colours['on-mark'] = readable(text, [colours.mark!], 7)
  for (const [kind, angle] of Object.entries(kind_hues)) {
    const base = angle === null ? primary : format({ l: dark ? 0.75 : 0.52, c: 0.115, h: angle })
    const ground = mix(surface, base, dark ? 0.17 : 0.1)
    colours[`kind-${kind}`] = readable(base, [ground, surface], 4)
    colours[`kind-${kind}-soft`] = ground
  }
  return colours
}

const families = {
  sans: ["'Inter Variable', system-ui, sans-serif", "'Inter Variable', system-ui, sans-serif"],
  serif: ["'Inter Variable', system-ui, sans-serif", "'Fraunces Variable', Georgia, serif"],
  rounded: ["'Nunito Variable', system-ui, sans-serif", "'Nunito Variable', system-ui, sans-serif"]
} as const

/** Sets the look on the document through CSSOM: no inline style attribute, so the policy may forbid them. */
export function apply_look(look: Look, scheme: Scheme): void {
  const root = document.documentElement
  for (const [name, value] of Object.entries(palette(look, scheme))) {
    root.style.setProperty(`--${name}`, value)
  }
  const [body, heading] = families[look.font]
  root.style.setProperty('--font', body)
  root.style.setProperty('--font-heading', heading)
  root.style.setProperty('--radius', `${look.radius}px`)
  root.style.setProperty('--radius-s', `${Math.round(Math.min(look.radius * 0.6, 10))}px`)
  root.style.setProperty('--radius-l', `${Math.round(Math.min(look.radius * 1.5, 32))}px`)
  root.style.setProperty('color-scheme', scheme)
  root.dataset.scheme = scheme
  root.dataset.font = look.font
  let meta = document.querySelector<HTMLMetaElement>('meta[name="theme-color"]')
  if (!meta) {
    meta = document.createElement('meta')
    meta.name = 'theme-color'
    document.head.append(meta)
  }
  meta.content = palette(look, scheme).surface!
}
