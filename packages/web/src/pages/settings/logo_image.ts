/** The types that the server takes. */
export const LOGO_TYPES = ['image/png', 'image/jpeg', 'image/webp']
const MAX_BYTES = 102_400
const MAX_WIDTH = 800
const MAX_HEIGHT = 320

/** Why a file can be no logo. */
export class UnusableImage extends Error {
  override readonly name = 'UnusableImage'
}

/**
 * The image of a file, as the server takes it. One that is too large, or of another type such as SVG, is drawn anew
 * by the browser, which runs nothing of it. Throws UnusableImage if it is no image.
 */
export async function logoOf(file: File): Promise<Blob> {
  if (LOGO_TYPES.includes(file.type) && file.size <= MAX_BYTES && (await isSmall(file))) return file
  const canvas = drawn(await load(file), file.type === 'image/svg+xml')
  for (const [type, quality] of encodings) {
    const made = await encoded(canvas, type, quality)
    if (made !== null && made.size <= MAX_BYTES && LOGO_TYPES.includes(made.type)) return made
  }
  throw new UnusableImage()
}

const encodings: readonly [string, number?][] = [
  ['image/png'],
  ['image/webp', 0.9],
  ['image/webp', 0.7],
  ['image/jpeg', 0.8],
]

async function isSmall(file: File): Promise<boolean> {
  const { naturalWidth: width, naturalHeight: height } = await load(file)
  return Math.max(width, height) <= 2_000
}

async function load(file: File): Promise<HTMLImageElement> {
  const image = new Image()
  image.src = URL.createObjectURL(file)
  try {
    await image.decode()
    return image
  } catch {
    throw new UnusableImage()
  } finally {
    URL.revokeObjectURL(image.src)
  }
}

function drawn(image: HTMLImageElement, isVector: boolean): HTMLCanvasElement {
  // An SVG may have no size of its own.
  const width = image.naturalWidth || MAX_HEIGHT
  const height = image.naturalHeight || MAX_HEIGHT
  const fit = Math.min(MAX_WIDTH / width, MAX_HEIGHT / height)
  const scale = isVector ? fit : Math.min(1, fit)
  const canvas = document.createElement('canvas')
  canvas.width = Math.round(width * scale)
  canvas.height = Math.round(height * scale)
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height)
  return canvas
}

function encoded(canvas: HTMLCanvasElement, type: string, quality?: number): Promise<Blob | null> {
  return new Promise((resolve) => canvas.toBlob(resolve, type, quality))
}
