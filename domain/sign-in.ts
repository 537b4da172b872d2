/** How long a browser stays signed in, at most and without being used. */
export interface SessionLimits {
  readonly idleSeconds: number
  readonly absoluteSeconds: number
}

export const usualSessionLimits: SessionLimits = { idleSeconds: 8 * 60 * 60, absoluteSeconds: 24 * 60 * 60 }

/** What an issuer said of somebody's groups counts so long, and it is asked again before. */
export const groupsStaleSeconds = 15 * 60
export const groupsAgainSeconds = 8 * 60
