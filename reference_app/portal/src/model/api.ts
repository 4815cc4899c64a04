import type { Access, Bootstrap, User } from './types'

/** What went wrong with a request, made from the server's problem+json when there is one. */
export class ApiError extends Error {
  constructor(
    /** HTTP status; 0 when the server could not be reached. */
    readonly status: number,
    message: string,
    readonly code: string = '',
    /** Messages by field name; '' holds those that belong to no field. */
    readonly fields: Record<string, string> = {}
  ) {
    super(message)
  }
}

let csrf = ''
let refresh_csrf: (() => Promise<void>) | null = null

export function use_csrf(token: string): void {
  csrf = token
}

/** Called once when the server refuses the token (the session changed in another tab). */
export function on_stale_csrf(refresh: () => Promise<void>): void {
  refresh_csrf = refresh
}

interface Problem {
  title?: string
  detail?: string
  code?: string
  type?: string
  errors?: { path?: string; field?: string; name?: string; message?: string; detail?: string }[]
}

const plain_words: Record<number, string> = {
  0: 'The server could not be reached. Check your connection and try again.',
  401: 'Please sign in to go on.',
  403: 'You may not do this.',
  404: 'This does not exist, or is not open to you.',
  413: 'That is too large.',
  429: 'Too many attempts. Wait a moment, then try again.',
  503: 'The service is busy. Try again in a moment.'
}

async function to_error(response: Response): Promise<ApiError> {
  let problem: Problem = {}
  if (/json/.test(response.headers.get('content-type') ?? '')) {
    problem = ((await response.json().catch(() => ({}))) as Problem | null) ?? {}
  }
  const fields: Record<string, string> = {}
  for (const entry of problem.errors ?? []) {
    const name = (entry.path ?? entry.field ?? entry.name ?? '').replace(/^[/.]/, '')
    fields[name] ??= entry.message ?? entry.detail ?? 'This value is not accepted.'
  }
  const message =
    problem.detail ||
    plain_words[response.status] ||
    problem.title ||
    `The server answered with an error (${response.status}).`
  return new ApiError(response.status, message, problem.code ?? problem.type ?? '', fields)
}

async function send<T>(method: string, path: string, body?: unknown, retried = false): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' }
  if (method !== 'GET') headers['x-csrf-token'] = csrf
  if (body !== undefined) headers['content-type'] = 'application/json'
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin'
    })
  } catch {
    throw new ApiError(0, plain_words[0]!)
  }
  if (response.ok) {
    return (response.status === 204 ? undefined : await response.json()) as T
  }
  const error = await to_error(response)
  const stale = error.status === 403 && /csrf/i.test(error.code + ' ' + error.message)
  if (stale && !retried && refresh_csrf) {
    await refresh_csrf()
    return send<T>(method, path, body, true)
  }
  throw error
}

export interface SignedIn {
  user: User
  csrf: string
}

export const api = {
  bootstrap: () => send<Bootstrap>('GET', '/api/portal/bootstrap'),
  sign_in: (input: { email: string; password: string }) =>
    send<SignedIn>('POST', '/api/account/sign-in', input),
  sign_up: (input: { name: string; email: string; password: string }) =>
    send<SignedIn>('POST', '/api/account/sign-up', input),
  sign_out: () => send<void>('POST', '/api/account/sign-out', {}),
  access: (item: number) => send<Access>('POST', `/api/items/${item}/access`, {})
}
