/** Longer is no address (RFC 5321 §4.5.3.1). */
const longest = 254
const longestLocal = 64
/** What mailboxes are called in practice; quoted and international ones are not taken: not every server delivers to them. */
const local = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/
const domain = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+([a-z][a-z0-9-]{0,61}[a-z0-9])$/

/**
 * An e-mail address as it is kept and compared: in lower case, its domain in ASCII. `null`: it is none that mail can be sent to.
 * Lower case throughout: no mail server in use tells `Ada@` from `ada@`, and people write both.
 */
export function canonicalEmail(text: string): string | null {
  const trimmed = text.trim()
  if (trimmed.length > longest) return null
  const at = trimmed.lastIndexOf('@')
  const name = trimmed.slice(0, Math.max(0, at))
  const host = asciiHost(trimmed.slice(at + 1))
  if (at < 1 || name.length > longestLocal || !local.test(name) || host === null || !domain.test(host)) return null
  const canonical = `${name.toLowerCase()}@${host}`
  return canonical.length > longest ? null : canonical
}

/** `MÜNCHEN.example` is `xn--mnchen-3ya.example`. */
function asciiHost(text: string): string | null {
  if (!/^[^\s/\\:?#@[\]%]+$/.test(text)) return null
  const url = `http://${text}/`
  return URL.canParse(url) ? new URL(url).hostname : null
}
