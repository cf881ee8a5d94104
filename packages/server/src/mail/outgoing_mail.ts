export interface OutgoingMail {
  /** The address as it is stored: one, and nothing but an address. */
  to: string
  subject: string
  text: string
  html: string
}
