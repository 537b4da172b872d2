/** Names of fields whose value is never written anywhere. */
const secretNames = [
  'authorization',
  'cookie',
  'set-cookie',
  'password',
  'secret',
  'token',
  'adminToken',
  'userToken',
  'apiKey',
]

/** The places of such fields in an object, down to the third level, in the words of pino's `redact`. */
export const secretPaths: readonly string[] = secretNames
  .map((name) =>
    /^\w+$/.test(name) ? { bare: name, nested: `.${name}` } : { bare: `["${name}"]`, nested: `["${name}"]` },
  )
  .flatMap(({ bare, nested }) => [bare, `*${nested}`, `*.*${nested}`])

const patterns: readonly (readonly [RegExp, string])[] = [
  [/\bcarrel_[A-Za-z0-9_-]{8,}/g, 'carrel_…'],
  [/\bcb_[A-Za-z0-9_-]{8,}/g, 'cb_…'],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+/gi, '$1 …'],
  [/:\/\/[^\s:@/"']+:[^\s@/"']+@/g, '://…@'],
  [/(\/codec\/)[A-Za-z0-9_-]{8,}/g, '$1…'],
  [
    /([?&](?:token|secret|code|state|ticket|access_token|id_token_hint|logout_token|subject_token|device_code|user_code)=)[^&\s"']+/gi,
    '$1…',
  ],
]

/** Cuts tokens, passwords in URLs and the codec's capability out of a text, wherever they stand. */
export function redactText(text: string): string {
  return patterns.reduce((current, [pattern, replacement]) => current.replace(pattern, replacement), text)
}
