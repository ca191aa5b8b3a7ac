"use client";

import { lazy, Suspense, useEffect, useState } from "react";
import { storeTimeZone } from "../store-time-zone";
import { type AccountProps, accountTrigger } from "./account-trigger";

const loadMenu = () => import("./account-menu");
const AccountMenu = lazy(() => loadMenu().then((module) => ({ default: module.AccountMenu })));

/** Shows who is signed in. Its menu loads with the first press. */
export function AccountButton(props: AccountProps) {
  const { user } = props;
  const [isWanted, setWanted] = useState(false);
  const userId = user?.id;
  useEffect(() => void (userId && storeTimeZone(userId)), [userId]);
  const button = (
    <button
      type="button"
      aria-haspopup="menu"
      aria-expanded="false"
      disabled={!user}
      onClick={() => setWanted(true)}
      onPointerEnter={() => void loadMenu()}
      onFocus={() => void loadMenu()}
      {...accountTrigger(props)}
    />
  );
  if (!isWanted || !user) return button;
  return (
    <Suspense fallback={button}>
      <AccountMenu {...props} />
    </Suspense>
  );
}
