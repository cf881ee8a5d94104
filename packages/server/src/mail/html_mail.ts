import type { MailBlock } from '../app/mails/blocks.ts'
import { type Html, html } from '../lib/html.ts'

/** The frame of a mail. */
export interface MailFrame {
  locale: string
  subject: string
  appName: string
  tenantName: string
  branding: MailBranding
}

/** How a mail looks. */
export interface MailBranding {
  /** The colour of its buttons. */
  color?: string | undefined
  /** An image, which mail programs load from its address. */
  logo?: { url: string; width: number; height: number } | undefined
}

const ACCENT = '#4f46e5'
const FONT = 'font-family: -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif'
const MUTED = 'font-size: 13px; line-height: 20px; color: #62666f'

/**
 * The HTML of a mail. Tables and inline styles: mail programs drop style sheets and know little of CSS.
 * Nothing in it tells the sender that it was opened.
 */
export function htmlMail(frame: MailFrame, blocks: readonly MailBlock[]): string {
  const { locale, subject, appName, branding } = frame
  return html`<!doctype html>
<html lang="${locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${subject}</title>
</head>
<body style="margin: 0; padding: 0; background-color: #f4f4f6">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
<tr><td align="center" style="padding: 32px 16px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="max-width: 560px; background-color: #ffffff; border: 1px solid #e3e4e8; border-radius: 10px">
<tr><td dir="auto" style="padding: 32px; ${FONT}; font-size: 15px; line-height: 24px; color: #1b1d22">
${headOf(frame)}
${blocks.map((it) => blockHtml(it, branding.color ?? ACCENT))}</td></tr>
</table>
<p dir="auto" style="margin: 20px 0 0; ${FONT}; ${MUTED}">${appName}</p>
</td></tr>
</table>
</body>
</html>
`.markup
}

function headOf({ tenantName, branding }: MailFrame): Html {
  const { logo } = branding
  if (logo === undefined) {
    return html`<p style="margin: 0 0 24px; font-weight: 600">${tenantName}</p>`
  }
  // A wide one holds the name already, as on the pages.
  const isWide = logo.width > 2 * logo.height
  const image = html`<img src="${logo.url}" alt="${isWide ? tenantName : ''}" height="40" style="height: 40px; max-width: 100%; border: 0; vertical-align: middle">`
  const name = html`<span style="margin-left: 10px; font-weight: 600; vertical-align: middle">${tenantName}</span>`
  return html`<p style="margin: 0 0 24px">${image}${isWide ? html`` : name}</p>`
}

function blockHtml(block: MailBlock, color: string): Html {
  switch (block.kind) {
    case 'paragraph':
      return html`<p style="margin: 0 0 16px">${block.text}</p>
`
    case 'note':
      return html`<p style="margin: 0 0 16px; ${MUTED}">${block.text}</p>
`
    case 'code':
      return html`<p style="margin: 0 0 16px; font-family: monospace; font-size: 24px; letter-spacing: 4px">${block.text}</p>
`
    case 'button':
      return html`<p style="margin: 24px 0 12px"><a href="${block.url}" style="display: inline-block; padding: 10px 18px; border-radius: 8px; background-color: ${color}; color: ${textOn(color)}; font-weight: 600; text-decoration: none">${block.text}</a></p>
<p style="margin: 0 0 16px; ${MUTED}; word-break: break-all"><a href="${block.url}" style="color: #62666f">${block.url}</a></p>
`
  }
}

/** Black or white, whichever has the greater contrast on the colour (WCAG 2.2, relative luminance). */
function textOn(color: string): '#000000' | '#ffffff' {
  const channels = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255)
  const [red = 0, green = 0, blue = 0] = channels.map((it) =>
    it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4,
  )
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? '#ffffff' : '#000000'
}
