/** Every `code` a problem document or a failure may carry: one closed list for us, open to growth for clients. */
export const errorCodes = {
  malformed_request: 400,
  unauthenticated: 401,
  forbidden: 403,
  exceeds_limit: 403,
  sharing_off: 403,
  cross_site: 403,
  terms_not_accepted: 403,
  email_differs: 403,
  not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  quota_exceeded: 409,
  conflict: 409,
  name_taken: 409,
  already_invited: 409,
  invitation_over: 409,
  configured: 409,
  not_ready: 409,
  not_paused: 409,
  pause_failed: 409,
  experiment_closed: 409,
  experiment_in_use: 409,
  resume_failed: 409,
  transfer_unfit: 409,
  posix_taken: 409,
  gone: 410,
  precondition_failed: 412,
  payload_too_large: 413,
  unsupported_media_type: 415,
  invalid_request: 422,
  idempotency_key_reused: 422,
  unknown_parameter: 422,
  template_inactive: 422,
  mode_unsupported: 422,
  door_unknown: 422,
  door_refused: 422,
  members_only: 422,
  provider_unknown: 422,
  provider_unfit: 422,
  pause_unsupported: 422,
  precondition_required: 428,
  too_many_requests: 429,
  headers_too_large: 431,
  internal: 500,
  unavailable: 503,
  maintenance: 503,
} as const satisfies Record<string, number>
export type ErrorCode = keyof typeof errorCodes

/** Types of failures that leave an activity or a workflow on purpose. */
export const failureTypes = [
  'foreign_payload',
  'invalid_input',
  'provider_unreachable',
  'gateway_unreachable',
  'database_unavailable',
  'worker_stopping',
  'disarmed',
] as const
export type FailureType = (typeof failureTypes)[number]

/** Why a backend would not make an instance; ends the start at once. */
export const refusalCodes = [
  'image_missing',
  'start_failed',
  'backend_quota',
  'unschedulable',
  'template_unfit',
] as const
export type RefusalCode = (typeof refusalCodes)[number]
