import { z } from '@hono/zod-openapi'
import type { TypedResponse } from 'hono'
import type { AppContext } from './env.ts'

declare const content: unique symbol
/** JSON as text, and what it says. */
export type JsonText<T> = string & { readonly [content]: T }

export const jsonText = <T>(value: T): JsonText<T> => JSON.stringify(value) as JsonText<T>

/** Answers 200 with what is JSON already. */
export function written<T>(c: AppContext, text: JsonText<T>): Response & TypedResponse<T, 200, 'json'> {
  const answer: Response = c.body(text, 200, { 'content-type': 'application/json' })
  // As `c.json` types what it makes: a response itself does not tell what it holds.
  return answer as Response & TypedResponse<T, 200, 'json'>
}

/** A JSON body that a route takes. Required: without it an empty request would pass unvalidated. */
export const body = <S extends z.ZodType>(schema: S) => ({
  required: true as const,
  content: { 'application/json': { schema } },
})

/** A JSON answer that a route gives. */
export const json = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})

const stream = z.string().openapi({ description: 'Events as they come; a comment every 15 s' })

/** A JSON answer, or a stream of what comes where the caller accepts that. */
export const streamOr = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { 'application/json': { schema }, 'text/event-stream': { schema: stream } },
})
