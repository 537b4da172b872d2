/** An http or https address to which a path can be put: without user, query and fragment. */
export function isCleanUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, search, hash, hostname } = new URL(text)
  return /^https?:$/.test(protocol) && hostname !== '' && `${username}${password}${search}${hash}` === ''
}
