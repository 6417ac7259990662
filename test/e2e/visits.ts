/** Twenty visits a second until it is stopped. @param visit answers with a status */
export function visitAgainAndAgain(visit: () => Promise<number>) {
  const failures: string[] = [];
  const visits: Promise<void>[] = [];
  const once = async () => {
    try {
      const status = await visit();
      if (status !== 200) failures.push(`status ${status}`);
    } catch (error) {
      failures.push(String(error));
    }
  };
  const timer = setInterval(() => visits.push(once()), 50);
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(visits);
      return { visits: visits.length, failures };
    },
  };
}
