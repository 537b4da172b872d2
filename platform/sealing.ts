import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

const cipher = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16

const keys = new WeakMap<Uint8Array, KeyObject>()

/** A key of these bytes, made once: made anew for each use, it takes longer than to seal or digest something short. */
export function keyOf(secret: Uint8Array): KeyObject {
  const known = keys.get(secret)
  if (known !== undefined) return known
  const key = createSecretKey(secret)
  keys.set(secret, key)
  return key
}

/** AES-256-GCM: nonce, ciphertext, tag in a row. `context` is bound to it: it opens only with the same one. */
export function seal(secret: Uint8Array, context: string, plain: Uint8Array): Uint8Array {
  const nonce = randomBytes(nonceBytes)
  const sealing = createCipheriv(cipher, keyOf(secret), nonce)
  sealing.setAAD(Buffer.from(context))
  return Buffer.concat([nonce, sealing.update(plain), sealing.final(), sealing.getAuthTag()])
}

/** Opens what `seal` made. @throws Error when the key, the context or the bytes are not the same */
export function open(secret: Uint8Array, context: string, sealed: Uint8Array): Uint8Array {
  if (sealed.length < nonceBytes + tagBytes) throw new Error('sealed bytes are too short')
  const opening = createDecipheriv(cipher, keyOf(secret), sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
  opening.setAAD(Buffer.from(context))
  opening.setAuthTag(sealed.subarray(sealed.length - tagBytes))
  return Buffer.concat([opening.update(sealed.subarray(nonceBytes, sealed.length - tagBytes)), opening.final()])
}
