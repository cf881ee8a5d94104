import { z } from 'zod'

// The same rules as in tenantry.is_display_name() (migration 0001). A test compares the two for every
// code point.
const INVISIBLE = [
  String.raw`\0-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f`,
  String.raw`\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff`,
  String.raw`\u{16fe4}\u{1bca0}-\u{1bca3}\u{1d159}\u{1d173}-\u{1d17a}\u{e0000}-\u{e00ff}\u{e01f0}-\u{e0fff}`,
].join('')

// Emoji and the scripts of India need joiners, Persian non-joiners, Japanese and Mongolian names variation
// selectors. All of them change the character before them; elsewhere they only hide.
const JOINER = String.raw`\u200c\u200d`
const SELECTOR = String.raw`\u180b-\u180d\u180f\ufe00-\ufe0f\u{e0100}-\u{e01ef}`

// What they cannot change: Latin, Greek, Cyrillic and other scripts whose letters do not join, punctuation,
// ideographs; and what has no variant. A digit has one only in the emoji of a key.
const UNJOINED = [
  String.raw`\0-\u05ff\u1c80-\u1c8f\u1d00-\u218f\u2c60-\u2c7f\u2de0-\ua7ff`,
  String.raw`\uab30-\uab6f\uac00-\ud7ff\uf900-\ufb06\ufe20-\ufe2f\uff00-\uffef\u{20000}-\u{3ffff}`,
].join('')
const UNVARIED = [
  String.raw`\0-"$-)+-/:-\xa8\xaa-\xad\xaf-\u0fff\u1c80-\u1c8f\u1d00-\u203b\u2071-\u209f\u212a-\u2138\u213a-\u218f`,
  String.raw`\u2c60-\u2c7f\u2de0-\u2dff\ua640-\ua7ff\uab30-\uab6f\uac00-\ud7ff\ufb00-\ufb06\ufe20-\ufe2f\uff21-\uff5a`,
].join('')

const NO_NAME = new RegExp(
  [
    `[${INVISIBLE}]`,
    String.raw`(?:^|[${UNJOINED}\p{Zs}${JOINER}])[${JOINER}]`,
    String.raw`(?:^|[${UNVARIED}\p{Zs}${JOINER}${SELECTOR}])[${SELECTOR}]`,
    String.raw`[0-9#*][${SELECTOR}](?!\u20e3)`,
  ].join('|'),
  'u',
)
const SPACE_AT_END = /^\p{Zs}|\p{Zs}$/u

/** What is wrong with a name that people read, or undefined. */
export function displayNameFault(name: string): string | undefined {
  if (NO_NAME.test(name)) {
    return 'must be one line without control, invisible or direction characters'
  }
  return SPACE_AT_END.test(name) ? 'must not begin or end with a space' : undefined
}

/**
 * A name or label that people read in mails and on pages: trimmed, `min` to `max` characters in any script, on
 * one line, without control, zero-width and direction characters, so that it cannot look like another text.
 * `tenantry.is_display_name(value, max)` is the same rule for a CHECK in a migration.
 */
export function displayName(max: number, min = 1) {
  return z
    .string()
    .normalize('NFC')
    .trim()
    .min(min)
    .max(max)
    .superRefine((name, { addIssue }) => {
      const message = displayNameFault(name)
      if (message !== undefined) addIssue(message)
    })
}
