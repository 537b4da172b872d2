import { defaultPayloadConverter } from '@temporalio/common'
import { expect, test } from 'vitest'
import { foreignMarker, isForeign } from '../../../domain/foreign.ts'
import { createKeyring } from '../../../platform/keyring.ts'
import { createCodec, decodeForDisplay } from '../../../platform/temporal/codec.ts'

const key = (id: string, byte: number) => ({ id, secret: new Uint8Array(32).fill(byte) })
const keyring = createKeyring([key('k1', 1)])
const payload = (value: unknown) => defaultPayloadConverter.toPayload(value)

async function decoded(codec: ReturnType<typeof createCodec>, ...payloads: ReturnType<typeof payload>[]) {
  return (await codec.decode(payloads)).map((one) => defaultPayloadConverter.fromPayload(one))
}

test('what is encoded comes back, and nothing of it can be read in between', async () => {
  const codec = createCodec(keyring)
  const encoded = await codec.encode([
    payload({ secret: 'hunter2' }),
    payload(undefined),
    payload(new Uint8Array([1, 2])),
  ])
  expect(JSON.stringify(encoded.map((one) => Buffer.from(one.data ?? []).toString('latin1')))).not.toContain('hunter2')
  expect(await decoded(codec, ...encoded)).toEqual([{ secret: 'hunter2' }, undefined, new Uint8Array([1, 2])])
})

test('after a rotation older payloads still open', async () => {
  const rotated = createCodec(createKeyring([key('k2', 2), key('k1', 1)]))
  const encoded = await createCodec(keyring).encode([payload('old')])
  expect(await decoded(rotated, ...encoded)).toEqual(['old'])
})

test('what is not ours becomes a marker, is counted by its reason, and nothing throws', async () => {
  const reasons: string[] = []
  const codec = createCodec(keyring, (reason) => reasons.push(reason))
  const [ours] = await codec.encode([payload('ours')])
  const [unknown] = await createCodec(createKeyring([key('k9', 1)])).encode([payload('x')])
  const [otherKey] = await createCodec(createKeyring([key('k1', 9)])).encode([payload('x')])
  const values = await decoded(
    codec,
    payload('plain'),
    unknown!,
    otherKey!,
    { ...ours!, data: new Uint8Array(3) },
    {},
    ours!,
  )
  expect(values.map(isForeign)).toEqual([true, true, true, true, true, false])
  expect(values[0]).toEqual(foreignMarker)
  expect(reasons).toEqual(['plain', 'unknown_key', 'unreadable', 'unreadable', 'plain'])
})

test("for an operator's eyes what is not ours passes unchanged", async () => {
  const [ours] = await createCodec(keyring).encode([payload('ours')])
  const plain = payload('plain')
  expect(decodeForDisplay(keyring, [plain, ours!])).toEqual([
    plain,
    expect.objectContaining({ data: Buffer.from('"ours"') }),
  ])
})
