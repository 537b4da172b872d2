import type { RefusalCode } from '../../../domain/errors.ts'
import type { Created } from '../provider.ts'
import type { ApiError } from './api-error.ts'

interface Rule {
  readonly status: readonly number[]
  /** The refusals of one status differ in nothing but their text, which has been the same for ten years. */
  readonly text?: RegExp
  readonly code: RefusalCode
}

/** What the cluster would not make, and what that means. The first that fits counts; what fits none is tried again later. */
const rules: readonly Rule[] = [
  { status: [403], text: /exceeded quota: |insufficient quota to consume: /, code: 'backend_quota' },
  { status: [403], text: /(maximum|minimum) \S+ usage per \S+ is /, code: 'backend_quota' },
  { status: [403], text: /violates PodSecurity /, code: 'template_unfit' },
  { status: [403], text: /failed quota: /, code: 'template_unfit' },
  // A namespace that has node selectors of its own, and OpenShift.
  { status: [403], text: /pod node label selector .*conflict/, code: 'template_unfit' },
  { status: [403], text: /unable to validate against any security context constraint/, code: 'template_unfit' },
  {
    status: [400, 403, 422],
    text: /admission webhook \S+ denied the request|image policy webhook backend denied|ValidatingAdmissionPolicy /,
    code: 'template_unfit',
  },
  { status: [422], code: 'template_unfit' },
  { status: [400, 413], code: 'start_failed' },
]

/** What an answer to a call that makes something means, where it is for good. */
export function refusalOf(error: ApiError): RefusalCode | null {
  if (error.causes.includes('NamespaceTerminating')) return null
  const rule = rules.find(
    ({ status, text }) => error.status !== null && status.includes(error.status) && (text?.test(error.message) ?? true),
  )
  return rule?.code ?? null
}

/** Everything else is the provider's trouble, or that of whoever runs it: credentials, permissions, load, silence. */
export const unavailable = (error: ApiError): Created => ({
  kind: 'unavailable',
  retryAfterMs: error.retryAfterMs,
  detail: error.message,
})
