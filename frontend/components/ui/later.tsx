import { type ComponentType, createElement, lazy, Suspense } from "react";

/** Returns a component whose code loads when it is first rendered. Until then, nothing is shown. */
export function later<Props extends object>(load: () => Promise<ComponentType<Props>>) {
  const Loaded: ComponentType<Props> = lazy(async () => ({ default: await load() }));
  return function Later(props: Props) {
    return <Suspense>{createElement(Loaded, props)}</Suspense>;
  };
}
