const KEPT = 'tenantry.receipt'

/** What opens the workspace that this tab has just created. */
export interface Receipt {
  tenantId: string
  subdomain: string
  receipt: string
}

export function keepReceipt(receipt: Receipt): void {
  sessionStorage.setItem(KEPT, JSON.stringify(receipt))
}

/** The receipt for a workspace. It can be taken once. */
export function takeReceipt(subdomain: string): Receipt | undefined {
  const text = sessionStorage.getItem(KEPT)
  sessionStorage.removeItem(KEPT)
  if (text === null) return undefined
  // This page has written it.
  const receipt = JSON.parse(text) as Receipt
  return receipt.subdomain === subdomain ? receipt : undefined
}
