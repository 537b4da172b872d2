import { DefaultFailureConverter } from '@temporalio/common'

/** Loaded by its path, in the workflow bundle too: a failure's message and stack go through the codec like all else. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true })
