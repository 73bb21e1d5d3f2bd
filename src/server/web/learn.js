// What the server has: asked for at once, while the page's other parts still load.
import { ask } from './api.js';
import { app } from './store.js';

const asked = Promise.all(['/v1/rouse/model', '/v1/rouse/methods', '/v1/models', '/v1/rouse/plans'].map((path) => ask(path)));
asked.catch(() => {});  // who waits for it hears of it

/** Fills the store with the server's tables; the names are its own. */
export async function learn() {
  const [about, methods, models, plans] = await asked;
  app.about = about;
  app.methods = methods.methods;
  app.policies = methods.policies;
  app.options = methods.request.properties;
  app.plans = plans.plans;
  app.presets = new Map(about.presets.map((name) => {
    const model = models.data.find((m) => m.id === `${about.id}@${name}`);
    return [name, model?.rouse.method.split('(')[0] ?? 'greedy'];
  }));
}
