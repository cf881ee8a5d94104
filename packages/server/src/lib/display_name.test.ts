import { expect, test } from 'vitest'
import { asRole } from '../../test/fixtures/databases.ts'
import { displayName } from './display_name.ts'

const schema = displayName(200)
const isName = (text: string) => schema.safeParse(text).data === text

test.each([
  ['Latin', 'Zoë O’Brien-Ćosić'],
  ['Arabic', 'محمد عبد الله'],
  ['Persian, with a non-joiner', 'علی‌رضا'],
  ['Hebrew, with punctuation', 'צה״ל יִצְחָק'],
  ['Hindi, with a joiner', 'क्‍ष'],
  ['Malayalam, with a joiner at the end', 'നന്‍'],
  ['Japanese, with a variation selector', '辻\u{e0100}本'],
  ['Chinese', '株式会社'],
  ['an emoji of several people', 'Team 👩‍🔧👨‍👩‍👧'],
  ['an emoji with selectors and joiners', '👁️‍🗨️ ❤️‍🔥 1️⃣'],
  ['code-like text', 'R&D <2026> "x"'],
])('%s is a name', (_, name) => expect(isName(name)).toBe(true))

test.each([
  ['a line break', 'Acme\nBcc: all@example.com'],
  ['a carriage return', 'Acme\rx'],
  ['a line separator', 'Acme\u2028x'],
  ['a NUL', 'Acme\0'],
  ['a terminal escape', 'Acme\u001b[31m'],
  ['a one-byte terminal escape', 'Acme\u009b31m'],
  ['a direction override', 'Acme \u202excod.exe'],
  ['a direction isolate', 'Acme \u2066x\u2069'],
  ['a direction mark', 'Acme\u200f'],
  ['a zero-width space', 'Ac\u200bme'],
  ['a joiner between Latin letters', 'Ac\u200dme'],
  ['a joiner at the start', '\u200dAcme'],
  ['two joiners', 'क्\u200d\u200dष'],
  ['a byte order mark inside', 'Ac\ufeffme'],
  ['a soft hyphen', 'Ac\u00adme'],
  ['an invisible letter', 'Ac\u3164me'],
  ['invisible tags', 'Acme\u{e0041}\u{e0042}'],
  ['variation selectors in a row', 'A\u{e0100}\u{e0101}'],
  ['a joiner after a letter with an accent', 'Jos\u00e9\u200d'],
  ['a joiner after an ideograph', '株\u200d式'],
  ['a variation selector after a Latin letter', 'Acme\ufe0f'],
  ['a variation selector after a digit', 'Acme 1\ufe0f'],
  ['a blank of Braille', '\u2800'],
  ['a filler of Khitan', 'Ac\u{16fe4}me'],
  ['a note without a head', 'Ac\u{1d159}me'],
  ['the place of an object', 'Ac\ufffcme'],
  ['half of a character', 'Ac\ud83dme'],
])('%s is in no name', (_, name) => expect(isName(name)).toBe(false))

test('a name is trimmed, composed and bounded', () => {
  expect(displayName(10).parse(' Zoe\u0308 ')).toBe('Zoë')
  expect(displayName(3).safeParse('abcd').success).toBe(false)
  expect(displayName(3).safeParse(' ').success).toBe(false)
  expect(displayName(3, 0).parse(' ')).toBe('')
})

test('no code point that text leaves invisible is allowed alone between letters', () => {
  const joining = /\p{Join_Control}|\p{Variation_Selector}/u
  const shown = codePoints().filter(
    (it) => /\p{Default_Ignorable_Code_Point}/u.test(it) && !joining.test(it) && isName(`a${it}b`),
  )
  expect(shown).toEqual([])
})

test('no joiner or selector hides after a letter of Latin, Greek or Cyrillic', () => {
  const letters = codePoints().filter((it) =>
    /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}]/u.test(it.normalize('NFC')),
  )
  const hidden = ['\u200c', '\u200d', '\ufe00', '\ufe0f', '\u{e0100}']
  const allowed = letters.flatMap((it) => hidden.map((mark) => it + mark).filter(isName))
  expect(allowed).toEqual([])
})

test('the database has the same rules, for every code point of text at every place', async () => {
  const around = [
    ['', ''],
    ['', 'b'],
    ['a', ''],
    ['a', 'b'],
    ['न', 'न'],
    ['न\u200d', ''],
    ['漢\ufe0f', ''],
    ['', '\ufe0f'],
    ['', '\ufe0f\u20e3'],
    ['\u3000', 'न'],
    ['न', '\u200d'],
  ] as const
  for (const [before, after] of around) {
    // The schema composes a text first; the database stores what is composed.
    const names = codePoints().map((it) => `${before}${it}${after}`.normalize('NFC'))
    const rejected = await asRole('app', (client) =>
      client.query<{ at: number }>(
        `select (at - 1)::int as at from unnest($1::text[]) with ordinality as it (name, at)
         where not tenantry.is_display_name(name, 200) order by at`,
        [names],
      ),
    )
    const expected = names.flatMap((name, at) => (isName(name) ? [] : [at]))
    expect(rejected.rows.map((it) => it.at)).toEqual(expected)
  }
})

// The basic plane, and the blocks beyond it that have characters without a shape. Without NUL, which
// PostgreSQL stores in no text, and halves of characters, which UTF-8 does not have.
function codePoints(): string[] {
  const blocks = [
    [0x1, 0xd7ff],
    [0xe000, 0xffff],
    [0x16f00, 0x16fff],
    [0x1bc00, 0x1bcff],
    [0x1d100, 0x1d1ff],
    [0x1f000, 0x1f0ff],
    [0x20000, 0x200ff],
    [0xe0000, 0xe1000],
  ] as const
  return blocks.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, at) => String.fromCodePoint(first + at)),
  )
}
