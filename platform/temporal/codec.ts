import type { Payload, PayloadCodec } from '@temporalio/common'
import proto from '@temporalio/proto'
import type { ForeignReason } from '../../domain/foreign.ts'
import type { Keyring } from '../keyring.ts'
import { open, seal } from '../sealing.ts'

const { Payload: PayloadProto } = proto.temporal.api.common.v1
const encoding = 'binary/carrel-aes-256-gcm'
const context = 'temporal payload'

/** Domain's `foreignMarker` as a payload: what workflows and activities see in place of one that is not ours. */
const marker: Payload = {
  metadata: { encoding: Buffer.from('json/plain') },
  data: Buffer.from('{"carrel.foreign":true}'),
}

/**
 * Encrypts every payload on its way to Temporal. On its way back a payload that is not ours becomes a marker and is
 * reported; it never throws, for a throw here stalls the workflow task of a live session for ever.
 */
export function createCodec(
  keyring: Keyring,
  onForeign: (reason: ForeignReason) => void = () => undefined,
): PayloadCodec {
  return {
    async encode(payloads) {
      const key = keyring.current('payload')
      return payloads.map((payload) => ({
        metadata: { encoding: Buffer.from(encoding), 'carrel-key': Buffer.from(key.id) },
        data: seal(key.secret, context, PayloadProto.encode(payload).finish()),
      }))
    },
    async decode(payloads) {
      return payloads.map((payload) => {
        const opened = openPayload(keyring, payload)
        if (typeof opened !== 'string') return opened
        onForeign(opened)
        return marker
      })
    },
  }
}

/** Decodes for an operator's eyes: what is not ours passes unchanged. */
export function decodeForDisplay(keyring: Keyring, payloads: readonly Payload[]): Payload[] {
  return payloads.map((payload) => {
    const opened = openPayload(keyring, payload)
    return typeof opened === 'string' ? payload : opened
  })
}

function openPayload(keyring: Keyring, payload: Payload): Payload | ForeignReason {
  if (textOf(payload.metadata?.['encoding']) !== encoding) return 'plain'
  const key = keyring.named('payload', textOf(payload.metadata?.['carrel-key']))
  if (key === undefined) return 'unknown_key'
  try {
    return PayloadProto.decode(open(key.secret, context, payload.data ?? new Uint8Array()))
  } catch {
    return 'unreadable'
  }
}

const textOf = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString()
