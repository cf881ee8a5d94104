export interface OutgoingMail {
  /** The stored address: a single plain address without a name. */
  to: string
  subject: string
  text: string
  html: string
}
