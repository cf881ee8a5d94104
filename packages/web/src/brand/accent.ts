/** A colour as `#0f766e`. */
export type Hex = `#${string}`

/** The variables of theme.css that an accent sets, for one theme. */
export interface Accent {
  '--accent': Hex
  '--accent-hover': Hex
  '--accent-text': Hex
  '--accent-soft': Hex
  '--on-accent': Hex
}

type Theme = 'light' | 'dark'
type Rgb = readonly [number, number, number]

const BLACK: Rgb = [0, 0, 0]
const WHITE: Rgb = [255, 255, 255]

// What theme.css puts below a text: --surface, --canvas, --sunken and --hover.
const grounds: Record<Theme, readonly Rgb[]> = {
  light: ['#ffffff', '#fafafc', '#f3f4f6', '#f0f1f4'].map(parse),
  dark: ['#141619', '#0d0e11', '#1b1d21', '#1f2226'].map(parse),
}

// WCAG 2.2, 1.4.3 and 1.4.11.
const TEXT_CONTRAST = 4.5
const SHAPE_CONTRAST = 3
const STEPS = 100

/** Is this a colour that an accent can be made of? */
export function isHex(text: string): text is Hex {
  return /^#[0-9a-f]{6}$/i.test(text)
}

/** The rules that recolour both themes; none for what is no colour. */
export function accentRules(color: string): string {
  if (!isHex(color)) return ''
  return `:root{${listed(accentOf(color, 'light'))}}.dark{${listed(accentOf(color, 'dark'))}}`
}

function listed(accent: Accent): string {
  return Object.entries(accent)
    .map(([name, value]) => `${name}:${value}`)
    .join(';')
}

/**
 * The accent of a theme, made of any colour: a button can be told from the page, and every text can be read. The colour
 * becomes darker or lighter only as far as that needs.
 */
export function accentOf(color: Hex, theme: Theme): Accent {
  const given = parse(color)
  const around = grounds[theme]
  // Away from the page, which is light or dark.
  const away = theme === 'light' ? BLACK : WHITE
  const accent = until(given, away, (it) =>
    around.every((on) => contrast(it, on) >= SHAPE_CONTRAST),
  )
  const onAccent = contrast(accent, WHITE) >= contrast(accent, BLACK) ? WHITE : BLACK
  const soft = rounded(mix(around[0] ?? WHITE, given, theme === 'light' ? 0.08 : 0.22))
  const text = until(given, away, (it) =>
    [...around, soft].every((on) => contrast(it, on) >= TEXT_CONTRAST),
  )
  return {
    '--accent': write(accent),
    // Away from its text, which becomes no harder to read.
    '--accent-hover': write(mix(accent, onAccent === WHITE ? BLACK : WHITE, 0.14)),
    '--accent-text': write(text),
    '--accent-soft': write(soft),
    '--on-accent': write(onAccent),
  }
}

/** The first colour on the way to another one that fits. The other one itself does in any case. */
function until(from: Rgb, to: Rgb, fits: (it: Rgb) => boolean): Rgb {
  for (let step = 0; step < STEPS; step++) {
    const tried = rounded(mix(from, to, step / STEPS))
    if (fits(tried)) return tried
  }
  return to
}

function mix(from: Rgb, to: Rgb, part: number): Rgb {
  const [red, green, blue] = from
  const between = (a: number, b: number) => a + (b - a) * part
  return [between(red, to[0]), between(green, to[1]), between(blue, to[2])]
}

/** The contrast of two colours, from 1 to 21 (WCAG 2.2). */
export function contrastOf(one: Hex, other: Hex): number {
  return contrast(parse(one), parse(other))
}

function contrast(one: Rgb, other: Rgb): number {
  const [a, b] = [luminance(one), luminance(other)]
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
}

function luminance(color: Rgb): number {
  const [red, green, blue] = color
  return 0.2126 * linear(red / 255) + 0.7152 * linear(green / 255) + 0.0722 * linear(blue / 255)
}

function linear(channel: number): number {
  return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
}

function parse(color: string): Rgb {
  const channel = (at: number) => Number.parseInt(color.slice(at, at + 2), 16)
  return [channel(1), channel(3), channel(5)]
}

function rounded([red, green, blue]: Rgb): Rgb {
  return [Math.round(red), Math.round(green), Math.round(blue)]
}

function write(color: Rgb): Hex {
  return `#${rounded(color)
    .map((it) => it.toString(16).padStart(2, '0'))
    .join('')}`
}
