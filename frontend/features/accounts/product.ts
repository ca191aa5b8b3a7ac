/** What the product is, for somebody who sees it for the first time. */
export const PRODUCT =
  "A to-do list that you can also talk to: write what is on your mind, and it becomes tasks.";
