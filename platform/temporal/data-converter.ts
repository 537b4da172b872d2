import { fileURLToPath } from 'node:url'
import type { DataConverter } from '@temporalio/common'
import type { Keyring } from '../keyring.ts'
import type { ForeignReason } from '../../domain/foreign.ts'
import { createCodec } from './codec.ts'

/** For clients, workers and the workflow bundle of every process: nothing reaches Temporal that it could read. */
export function createDataConverter(keyring: Keyring, onForeign?: (reason: ForeignReason) => void): DataConverter {
  return {
    failureConverterPath: fileURLToPath(new URL('./failure-converter.ts', import.meta.url)),
    payloadCodecs: [createCodec(keyring, onForeign)],
  }
}
