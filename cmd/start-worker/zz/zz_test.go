package zz
import ("testing";"os";"os/exec";"fmt";"time";"sort";"strings"
"github.com/workerkit/workerkit/local/localtest")
func TestZ(t *testing.T){
 d:=localtest.Start(t, localtest.Delay(8*time.Millisecond))
 w:=d.Pool(t,"proj/linux")
 dir:=t.TempDir()
 os.WriteFile(dir+"/secret",[]byte(w.Secret),0o600)
 os.WriteFile(dir+"/provider.hcl",[]byte(`provider "static" {
  root_url = "`+d.RootURL+`"
  worker_pool_id = "proj/linux"
  worker_group = "local"
  worker_id = "worker-1"
  secret_file = "`+dir+`/secret"
}`),0o600)
 os.WriteFile(dir+"/w.sh",[]byte("#!/bin/sh\nexec sleep 1000\n"),0o755)
 conf:=func(path string){os.WriteFile(dir+"/r.yml",[]byte("provider: {file: "+dir+"/provider.hcl}\nworker: {implementation: generic-worker, path: "+path+", configPath: "+dir+"/w.json}\n"),0o600)}
 conf("/bin/true")
 var a,b,c2,c3 []float64
 ms:=func(d time.Duration)float64{return float64(d.Microseconds())/1000}
 for range 41 { n:=len(d.Calls()); s:=time.Now(); c:=exec.Command("/tmp/rtest/start-worker",dir+"/r.yml"); out,err:=c.CombinedOutput(); el:=time.Now()
  if err!=nil{t.Fatal(err,string(out))}
  calls:=d.Calls()[n:]
  a=append(a,ms(calls[0].Start.Sub(s))); b=append(b,ms(calls[1].Start.Sub(calls[0].End))); c2=append(c2,ms(el.Sub(calls[len(calls)-1].End))); 
  c3=append(c3,ms(el.Sub(s))-ms(calls[0].End.Sub(calls[0].Start))-ms(calls[2].End.Sub(calls[1].Start)))}
 for n,x:=range map[string][]float64{"to register":a,"between":b,"after":c2,"own":c3}{ sort.Float64s(x); fmt.Println(n,x[0],x[20],x[40])}
 conf(dir+"/w.sh")
 c:=exec.Command("/tmp/rtest/start-worker",dir+"/r.yml"); c.Start()
 time.Sleep(62*time.Second)
 bb,_:=os.ReadFile(fmt.Sprintf("/proc/%d/status",c.Process.Pid))
 for _,l:=range strings.Split(string(bb),"\n"){ if strings.HasPrefix(l,"Vm")&&strings.Contains(l,"RSS")||strings.HasPrefix(l,"Rss")||strings.HasPrefix(l,"VmHWM"){fmt.Println(l)}}
 c.Process.Signal(os.Interrupt); time.Sleep(100*time.Millisecond); c.Process.Kill()
}
