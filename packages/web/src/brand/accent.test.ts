import fc from 'fast-check'
import { expect, test } from 'vitest'
import { accentOf, contrastOf, type Hex } from './accent.ts'

const color = fc
  .integer({ min: 0, max: 0xffffff })
  .map((it): Hex => `#${it.toString(16).padStart(6, '0')}`)

// As theme.css has them: --surface, --canvas, --sunken, --hover, and the texts on the soft colour.
const themes = {
  light: { grounds: ['#ffffff', '#fafafc', '#f3f4f6', '#f0f1f4'], text: '#171b22' },
  dark: { grounds: ['#141619', '#0d0e11', '#1b1d21', '#1f2226'], text: '#eff0f2' },
} as const

test.each(['light', 'dark'] as const)('any color has enough contrast in the %s theme', (theme) => {
  const { grounds, text } = themes[theme]
  fc.assert(
    fc.property(color, (given) => {
      const accent = accentOf(given, theme)
      const soft = accent['--accent-soft']
      const readable: [Hex, Hex][] = [
        [accent['--on-accent'], accent['--accent']],
        [accent['--on-accent'], accent['--accent-hover']],
        [text, soft],
        ...[...grounds, soft].map((it): [Hex, Hex] => [accent['--accent-text'], it]),
      ]
      for (const pair of readable)
        expect(contrastOf(...pair), pair.join(' on ')).toBeGreaterThanOrEqual(4.5)
      for (const it of grounds)
        expect(contrastOf(accent['--accent'], it), it).toBeGreaterThanOrEqual(3)
    }),
    { numRuns: 2_000 },
  )
})

test('a colour that can be seen and read stays as it is', () => {
  expect(accentOf('#0f766e', 'light')['--accent']).toBe('#0f766e')
  expect(accentOf('#facc15', 'dark')['--accent']).toBe('#facc15')
})

test.each([
  ['#ffffff', '#000000', 21],
  ['#777777', '#ffffff', 4.48],
  ['#0000ff', '#ffffff', 8.59],
] as const)('the contrast of %s and %s is that of WCAG', (one, other, contrast) => {
  expect(contrastOf(one, other)).toBeCloseTo(contrast, 2)
  expect(contrastOf(other, one)).toBeCloseTo(contrast, 2)
})
