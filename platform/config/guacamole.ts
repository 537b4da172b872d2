import { z } from 'zod'
import { json, listOf, urlOf } from './fields.ts'

const webUrl = urlOf(['http', 'https'], 'http(s)://host[:port]/path')
const node = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, { error: 'must match [a-z0-9][a-z0-9-]{0,31}' }),
  url: webUrl,
  publicUrl: webUrl,
})
const required = (what: string) => `is required where CARREL_WORKER_ROLES has access: ${what}`

/** How a worker of the role `access` reaches Guacamole; `null`: this worker has nothing to do with it. */
export const guacamolePart = z
  .object({
    CARREL_WORKER_ROLES: listOf(z.string()).default([]),
    CARREL_GUACAMOLE_URL: webUrl.optional(),
    CARREL_GUACAMOLE_NODES: json(z.array(node).min(1)).optional(),
    CARREL_GUACAMOLE_USERNAME: z.string().optional(),
    CARREL_GUACAMOLE_PASSWORD: z.string().optional(),
    CARREL_GUACAMOLE_DATA_SOURCE: z
      .enum(['postgresql', 'mysql', 'sqlserver'], { error: 'must be postgresql, mysql or sqlserver' })
      .optional(),
  })
  .superRefine((env, context) => {
    const fault = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message })
    const { CARREL_WORKER_ROLES: roles, ...variables } = env
    const set = Object.entries(variables).filter(([, value]) => value !== undefined)
    if (!roles.includes('access')) {
      for (const [key] of set)
        fault(key, 'must not be set where CARREL_WORKER_ROLES has no access: it is for that role alone')
      return
    }
    if (env.CARREL_GUACAMOLE_URL !== undefined && env.CARREL_GUACAMOLE_NODES !== undefined)
      fault('CARREL_GUACAMOLE_NODES', 'must not be set beside CARREL_GUACAMOLE_URL: it names every node')
    if (env.CARREL_GUACAMOLE_URL === undefined && env.CARREL_GUACAMOLE_NODES === undefined)
      fault('CARREL_GUACAMOLE_URL', required('the address of the web application, with its context path'))
    if (env.CARREL_GUACAMOLE_USERNAME === undefined)
      fault('CARREL_GUACAMOLE_USERNAME', required('a service account that may administer Guacamole'))
    if (env.CARREL_GUACAMOLE_PASSWORD === undefined)
      fault('CARREL_GUACAMOLE_PASSWORD', required("the service account's password"))
  })
  .transform((env) => {
    const { CARREL_GUACAMOLE_URL: url, CARREL_GUACAMOLE_USERNAME: username, CARREL_GUACAMOLE_PASSWORD: password } = env
    if (!env.CARREL_WORKER_ROLES.includes('access') || username === undefined || password === undefined) return null
    return {
      nodes: env.CARREL_GUACAMOLE_NODES ?? (url === undefined ? [] : [{ name: 'guacamole', url, publicUrl: url }]),
      username,
      password,
      dataSource: env.CARREL_GUACAMOLE_DATA_SOURCE ?? 'postgresql',
    }
  })

/** Who shows desktops: Carrel's own gateway, or Guacamole. Whoever opens doors and whoever answers at them must agree on it. */
export const desktopsPart = z
  .object({
    CARREL_DESKTOP_GATEWAY: z.enum(['own', 'guacamole'], { error: 'must be own or guacamole' }).default('own'),
  })
  .transform((env) => ({ outside: env.CARREL_DESKTOP_GATEWAY === 'guacamole' }))
