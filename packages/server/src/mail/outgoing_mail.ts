export interface OutgoingMail {
  /** Becomes the Message-ID: a repeated mail is recognisable. */
  id?: string
  /** In whose name it is sent. The address is that of MAIL_FROM. */
  fromName?: string
  replyTo?: string
  /** The stored address: a single plain address without a name. */
  to: string
  subject: string
  text: string
  html: string
}
