// The error page's one button: load the same address again.
document.getElementById("again")?.addEventListener("click", () => location.reload());
