// Calls of the API, with a bearer token, and nowhere else.
const ANSWER_WITHIN_MS = 30_000;

/** The API's refusal: its HTTP status, its stable code, and after how many seconds it is worth another try. */
export class Refused extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.code);
    this.status = status;
    this.code = problem.code;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** No answer came: whether the request arrived isn't known. */
export class Unreachable extends Error {}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** The answer, and the response's headers. Raises Refused and Unreachable. */
export async function call(method, path, { bearer, body, headers = {} } = {}) {
  const sent = bearer ? { Authorization: `Bearer ${bearer}`, ...headers } : headers;
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
  let response, answer;
  try {
    response = await fetch(path, { method, headers: sent, body, signal, cache: "no-store" });
    answer = response.status === 204 ? null : await response.json();
  } catch (error) {
    throw new Unreachable(path, { cause: error });
  }
  if (!response.ok) throw new Refused(response.status, answer, Number(response.headers.get("Retry-After")) || 0);
  return { answer, headers: response.headers };
}
