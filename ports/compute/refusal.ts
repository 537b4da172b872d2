import type { RefusalCode } from '../../domain/errors.ts'

/** Ends a create with an answer that trying again would not change. It does not leave the driver. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  /** `detail` is for operators, in the backend's words; capped. */
  constructor(code: RefusalCode, detail: string) {
    super(detail.slice(0, 500))
    this.code = code
  }
}
