/** A piece of a mail, of which both its text and its HTML are made. */
export type MailBlock =
  | { readonly kind: 'paragraph' | 'note' | 'code'; readonly text: string }
  | { readonly kind: 'button'; readonly text: string; readonly url: string }

/** Words of a mail. */
export function paragraph(text: string): MailBlock {
  return { kind: 'paragraph', text }
}

/** Words in small print: what to do if the reader did not expect the mail. */
export function note(text: string): MailBlock {
  return { kind: 'note', text }
}

/** A code to type or to copy. */
export function code(text: string): MailBlock {
  return { kind: 'code', text }
}

/**
 * A link as a button, with its URL below. Throws an Error for anything but a URL of http or https: other
 * schemes run code.
 */
export function button(url: string, text: string): MailBlock {
  if (!/^https?:\/\/\S+$/.test(url))
    throw new Error('the link of a mail must begin with http(s)://')
  return { kind: 'button', text, url }
}
