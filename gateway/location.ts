/** Where a session's answer came from, and where its browser believes to be. */
export interface Whereabouts {
  /** The door's own origin. */
  readonly origin: string
  /** Authorities by which the session may call itself: `host:port`, as it is reached or as it knows itself. */
  internal(): ReadonlySet<string>
  /** Whether a text holds the session's secret. */
  isTold(text: string): boolean
}

/**
 * A `Location` as the browser may have it: an address that only Carrel reaches becomes a path on the door, and so does the door's own
 * by another scheme or port; the session's secret is cut out. Any other address is the session's business.
 */
export function browserLocation(text: string, where: Whereabouts): string {
  const local = onTheDoor(text, where) ?? text
  return where.isTold(local) ? withoutSecret(local, where) : local
}

function onTheDoor(text: string, { origin, internal }: Whereabouts): string | null {
  if (!URL.canParse(text, origin)) return null
  const url = new URL(text, origin)
  if (url.origin === origin || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null
  const port = url.port || (url.protocol === 'http:' ? '80' : '443')
  const isOurs = internal().has(`${url.hostname}:${port}`) || url.hostname === new URL(origin).hostname
  return isOurs ? `${origin}${url.pathname}${url.search}${url.hash}` : null
}

/** Without each parameter that tells it; where it stands elsewhere, only the front page is left. */
function withoutSecret(text: string, where: Whereabouts): string {
  if (!URL.canParse(text, where.origin)) return '/'
  const url = new URL(text, where.origin)
  for (const [name, value] of [...url.searchParams])
    if (where.isTold(value) || where.isTold(name)) url.searchParams.delete(name)
  if (where.isTold(url.hash)) url.hash = ''
  const cleaned = url.origin === where.origin ? `${url.pathname}${url.search}${url.hash}` : url.href
  return where.isTold(cleaned) ? '/' : cleaned
}

/** The names by which a session that listens on these ports may call itself. */
export function internalAuthorities(hosts: readonly string[], ports: readonly number[]): ReadonlySet<string> {
  const names = [...hosts, 'localhost', '127.0.0.1', '0.0.0.0', '::1', '::'].map((host) =>
    host.includes(':') ? `[${host}]` : host.toLowerCase(),
  )
  return new Set(names.flatMap((name) => ports.map((port) => `${name}:${port}`)))
}

/** Finds a secret in texts, as it is and as addresses write it. Without one, nothing is ever told. */
export function secretFinder(secret: string | null): (text: string) => boolean {
  if (secret === null || secret === '') return () => false
  const spellings = new Set([secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')])
  return (text) => [...spellings].some((spelling) => text.includes(spelling))
}
