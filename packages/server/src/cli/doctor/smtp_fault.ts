/**
 * What went wrong with an SMTP server and what to do: `(…): …`. For the person at the command line only: the text of a
 * reply usually names the recipient.
 */
export function describeSmtpFault(error: unknown): string {
  const fault = faultOf(error)
  const advice =
    advices.find(({ fits }) => fits(fault))?.advice ?? 'correct host and port in SMTP_URL'
  return `(${fault.said}): ${advice}`
}

interface SmtpFault {
  said: string
  /** nodemailer's or Node.js' name of the error, what the client was doing, and the status of the reply. */
  code: string
  command: string
  status: number
}

function faultOf(error: unknown): SmtpFault {
  const { message, name, code, command, responseCode }: Record<string, unknown> = Object(error)
  // A reply may have several lines, and any characters.
  const said = String(message || name || error).replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
  return { said, code: String(code), command: String(command), status: Number(responseCode) }
}

interface Advice {
  fits(fault: SmtpFault): boolean
  advice: string
}

// The first one that fits.
const advices: readonly Advice[] = [
  {
    fits: ({ status }) => status >= 400 && status < 500,
    advice: 'it refuses only for now; try again in some minutes, as a job does by itself',
  },
  {
    fits: ({ status }) => status === 530,
    advice: 'it wants a sign-in first: write smtp://user:password@host:587 into SMTP_URL',
  },
  {
    fits: ({ code }) => code === 'EAUTH',
    advice:
      'correct user and password in SMTP_URL, with special characters of the password percent-encoded',
  },
  {
    fits: ({ command }) => command === 'MAIL FROM',
    advice: 'set MAIL_FROM to an address that it lets this user send from',
  },
  {
    fits: ({ command }) => command === 'RCPT TO',
    advice:
      'it refuses the recipient: correct the address, or have it relay mail for this user or machine',
  },
  {
    fits: ({ command }) => command === 'DATA',
    advice: 'it refuses the mail itself: often MAIL_FROM must be of a domain that it knows',
  },
  {
    fits: ({ code, said }) => code === 'ETLS' || /certificate|STARTTLS|SSL|TLS/i.test(said),
    advice:
      'it needs TLS with a certificate for the host of SMTP_URL; port 465 takes smtps://, and others smtp://',
  },
  {
    fits: ({ code }) => /^(ETIMEDOUT|EABORT|ABORT_ERR)$/.test(code),
    advice:
      'correct host and port in SMTP_URL, and let this machine through the firewall; port 465 takes smtps://',
  },
  { fits: ({ code }) => code === 'EDNS', advice: 'correct the host in SMTP_URL' },
]
