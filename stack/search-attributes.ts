import { setTimeout as delay } from 'node:timers/promises'
import type { Connection } from '@temporalio/client'

/** What an operator may search sessions by in Temporal; all of them single words. */
export const searchAttributes = ['SessionState', 'ProviderId', 'ProjectId'] as const

const keyword = 2

/** A server looks for new ones once a minute. */
const seenWithinMs = 150_000

/**
 * Registers Carrel's search attributes and waits until the server really takes them in a query: a workflow that
 * upserts one a moment too early would stall for ever.
 */
export async function registerSearchAttributes(
  connection: Connection,
  namespace: string,
  limitMs = seenWithinMs,
): Promise<void> {
  const known = await connection.operatorService.listSearchAttributes({ namespace })
  const missing = searchAttributes.filter((name) => known.customAttributes?.[name] === undefined)
  if (missing.length > 0) {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, keyword])),
    })
  }
  const query = searchAttributes.map((name) => `${name} = 'none'`).join(' AND ')
  const deadline = Date.now() + limitMs
  for (;;) {
    try {
      await connection.workflowService.listWorkflowExecutions({ namespace, query, pageSize: 1 })
      return
    } catch (error) {
      if (Date.now() > deadline) throw new Error('Temporal does not accept the search attributes', { cause: error })
      await delay(100)
    }
  }
}
