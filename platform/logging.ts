import { pino, stdSerializers, type DestinationStream, type Logger } from 'pino'
import { redactText, secretPaths } from './redaction.ts'

export type { Logger } from 'pino'

export interface LoggingOptions {
  /** Which process writes: api, worker, bootstrap. */
  readonly process: string
  readonly level: string
  readonly destination?: DestinationStream
}

/** JSON lines with ISO times. Secrets are cut twice: by the field's name, and by the look of the text. */
export function createLogger({ process, level, destination }: LoggingOptions): Logger {
  const options = {
    level,
    base: { process },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: [...secretPaths], censor: '…' },
    serializers: { err: stdSerializers.err, error: stdSerializers.err },
    hooks: { streamWrite: redactText },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
