import { createHmac, randomBytes } from 'node:crypto'
import type { SessionKey } from '../domain/session.ts'
import type { Keyring } from './keyring.ts'
import { keyOf, open, seal } from './sealing.ts'

/** Where a secret stands: it opens in this place only, so a row's secret cannot be moved to another row. */
export interface SecretPlace {
  readonly table: string
  readonly column: string
  readonly id: string
}

/** A secret could not be opened: its key is gone, or it stands in another place than it was sealed for. */
export class SecretUnreadable extends Error {
  constructor(place: SecretPlace) {
    super(`the secret in ${place.table}.${place.column} cannot be opened with this site's keys`)
    this.name = 'SecretUnreadable'
  }
}

export interface Secrets {
  /** Bytes for a `bytea` column. */
  encrypt(place: SecretPlace, plain: Uint8Array | string): Buffer
  /** @throws SecretUnreadable */
  decrypt(place: SecretPlace, sealed: Uint8Array): Buffer
  /** Whether it was sealed with an older key than the current one. */
  isStale(sealed: Uint8Array): boolean
}

/** Where the secret parameters of a session stand. */
export const sessionParameters = (sessionId: string): SecretPlace => ({
  table: 'session',
  column: 'secret_parameters',
  id: sessionId,
})

/** Where the secret of an instance stands. */
export const instanceSecret = ({ sessionId, generation }: SessionKey): SecretPlace => ({
  table: 'instance',
  column: 'secret',
  id: `${sessionId}/${generation}`,
})

/** Where what of a provider's settings is secret stands, as JSON. */
export const providerSecrets = (providerId: string): SecretPlace => ({
  table: 'provider',
  column: 'secrets',
  id: providerId,
})

/** Where what an issuer gave for a browser session stands, as JSON. */
export const issuerTokens = (browserSessionId: string): SecretPlace => ({
  table: 'browser_session',
  column: 'tokens',
  id: browserSessionId,
})

/** Where what a machine signs its requests with stands. */
export const hawkKey = (keyId: string): SecretPlace => ({ table: 'hawk_key', column: 'key', id: keyId })

/** Where what only the taker of an instance is given stands, as JSON. */
export const handoverSecrets = (handoverId: string): SecretPlace => ({
  table: 'handover',
  column: 'sealed',
  id: handoverId,
})

/** Where the code of an invitation's link stands. */
export const invitationCode = (invitationId: string): SecretPlace => ({
  table: 'invitation',
  column: 'code',
  id: invitationId,
})

/** Where what an instance reports its ports with stands. */
export const reportToken = ({ sessionId, generation }: SessionKey): SecretPlace => ({
  table: 'instance',
  column: 'report_token',
  id: `${sessionId}/${generation}`,
})

/** What an instance is given to know its session by. */
export const newInstanceSecret = (): string => randomBytes(32).toString('base64url')
/** Where what an account is at a gateway outside stands: its password, and the token of its open pages. */
export const outsidePassword = (accountId: string): SecretPlace => ({
  table: 'outside_account',
  column: 'password',
  id: accountId,
})
export const outsideToken = (accountId: string): SecretPlace => ({
  table: 'outside_account',
  column: 'token',
  id: accountId,
})

const version = 1

/** How everything begins that was sealed for a column with the key of this id. */
export const sealMark = (keyId: string): Buffer =>
  Buffer.concat([Buffer.from([version, Buffer.byteLength(keyId)]), Buffer.from(keyId)])

/** The id of the key that a column was sealed with; empty where that cannot be said. Its mark alone is enough. */
export function keyIdOf(sealed: Uint8Array): string {
  if (sealed[0] !== version || sealed[1] === undefined) return ''
  return Buffer.from(sealed.subarray(2, 2 + sealed[1])).toString()
}

/** Encrypts columns: version, length of the key's id, the id, then nonce, ciphertext and tag. */
export function createSecrets(keyring: Keyring): Secrets {
  return {
    encrypt(place, plain) {
      const key = keyring.current('column')
      const bytes = typeof plain === 'string' ? Buffer.from(plain) : plain
      return Buffer.concat([sealMark(key.id), seal(key.secret, contextOf(place), bytes)])
    },
    decrypt(place, sealed) {
      const keyId = keyIdOf(sealed)
      const key = keyring.named('column', keyId)
      if (key === undefined) throw new SecretUnreadable(place)
      try {
        return Buffer.from(open(key.secret, contextOf(place), sealed.subarray(2 + Buffer.byteLength(keyId))))
      } catch {
        throw new SecretUnreadable(place)
      }
    },
    isStale: (sealed) => keyIdOf(sealed) !== keyring.current('column').id,
  }
}

/**
 * The HMAC of a request's body, for idempotency rows: `<key id>:<base64url>`. A row made with an older key is compared
 * by giving that key's id.
 */
export function bodyDigest(keyring: Keyring, body: Uint8Array | string, keyId?: string): string | undefined {
  const key = keyId === undefined ? keyring.current('idempotency') : keyring.named('idempotency', keyId)
  if (key === undefined) return undefined
  return `${key.id}:${createHmac('sha256', keyOf(key.secret)).update(body).digest('base64url')}`
}

const contextOf = (place: SecretPlace) => JSON.stringify([place.table, place.column, place.id])
