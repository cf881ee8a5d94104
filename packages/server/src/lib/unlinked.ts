/**
 * A text for a mailbox that has not asked for it: no mail program turns a part of it into a link. `evil.example/a`
 * becomes `evil. example/a`, and `https://` becomes `https: //`.
 */
export function unlinked(text: string): string {
  return text
    .replaceAll('://', ': //')
    .replaceAll(/(?<=[\p{L}\p{N}])([.\u3002\uff0e\uff61])(?=\p{L})/gu, '$1 ')
}
