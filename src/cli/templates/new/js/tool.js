// Adds two numbers: a function from a call to a result. componentize-js makes a component of this file; `wit/tool.wit`
// defines a call.

export const handler = {
  run(call) {
    const { a, b } = JSON.parse(call.arguments);
    const sum = a + b;
    if (Math.abs(sum) > 1e15) {
      // The model reads code and message, so they name the remedy. A thrown object with these members is the typed failure.
      throw { code: "invalid-arguments", message: "the sum is too large; give smaller numbers" };
    }
    return JSON.stringify({ sum });
  },
};
