// What the embed snippet carries, without these comments and the line breaks: every line ends where a statement may.
// A sandboxed frame has no origin to check, so a message counts only for the very frame that sent it.
addEventListener("message",({data:d,source:s})=>{
  if(d&&d.type==="broadsheet:resize"&&d.v===1&&d.height>0)
    for(const f of document.querySelectorAll("iframe"))
      if(f.contentWindow===s)f.style.height=Math.min(Math.max(d.height,50),20000)+"px"
})
