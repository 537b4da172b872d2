import type { ReportSpec } from './provider.ts'

/**
 * What an instance that reports its ports reads from its environment, by the same names at every backend. The token is not in it: it
 * comes in a file, which `CARREL_REPORT_TOKEN_FILE` names.
 */
export const reportEnvironment = ({ url, ports, tls }: ReportSpec): Record<string, string> => ({
  CARREL_REPORT_URL: url,
  CARREL_REPORT_PORTS: `${ports.from}-${ports.to}`,
  ...(tls === true ? { CARREL_REPORT_TLS: 'true' } : {}),
})
